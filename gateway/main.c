/* The program: reads what it was asked for, and does that one thing. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ask_ready.h"
#include "config.h"
#include "supervisor.h"

enum { EXIT_USAGE = 2 };

static int print(struct text *text)
{
  bool good = fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0;
  text_free(text);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int carry_out(struct config *config)
{
  struct text text = {0};
  const char *warning;
  switch (config->request) {
  case CONFIG_HELP:
    config_write_help(&text);
    return print(&text);
  case CONFIG_VERSION:
    text_append(&text, SLICE("parley " PARLEY_VERSION "\n"));
    return print(&text);
  case CONFIG_CHECK:
    for (unsigned i = 0; (warning = config_warning(config, i)); i++) {
      text_append_format(&text, "warning: %s\n", warning);
    }
    text_append(&text, SLICE("the configuration is good\n"));
    return print(&text);
  case CONFIG_PRINT:
    config_write(config, &text);
    return print(&text);
  case CONFIG_PROBE:
    return ask_ready(config->probe_port);
  case CONFIG_RUN:
    return supervisor_run(config);
  }
  return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
  (void)argc;
  struct config config;
  char error[512];
  if (!config_load(&config, argv, environ, error, sizeof error)) {
    fprintf(stderr, "parley: %s\n", error);
    return EXIT_USAGE;
  }
  int status = carry_out(&config);
  config_free(&config);
  return status;
}
