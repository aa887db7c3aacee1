/* Asks a server on this machine whether it is ready: the health check of the image. */
#ifndef PARLEY_GATEWAY_ASK_READY_H
#define PARLEY_GATEWAY_ASK_READY_H

/* GET /readyz on 127.0.0.1, within 3 s. 0: it answered 200; 1: it did not, and
 * standard error says what happened. */
int ask_ready(unsigned port);

#endif
