/* The hashing thread, its queue, and how what is finished comes back to the loop. */
#include "password.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>
#include <utlist.h>

#include "base/memory.h"

/* Belongs to whoever's list it is in, and to the thread while it is in none. */
struct job {
  struct job *prev, *next;
  hashed_fn *hashed; /* NULL: it is a check */
  err_fn *checked;
  void *arg;
  enum err err;
  char hash[crypto_pwhash_STRBYTES]; /* made, or to check against; empty: there is none */
  size_t password_len;
  char password[];
};

struct passwords {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t something;       /* waits, or it is to end */
  struct job *waiting, *finished; /* under the mutex, */
  unsigned waiting_count;         /* as these are */
  bool ending;
  int wake_fd; /* written once something is finished */
  struct event *wake;
};

/* ---- the thread --------------------------------------------------------------------- */

static enum err make_hash(struct job *job, char hash[crypto_pwhash_STRBYTES])
{
  int failed =
      crypto_pwhash_str(hash, job->password, job->password_len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE);
  return failed ? ERR_OVERLOADED : ERR_OK; /* it fails for want of memory alone */
}

/* Who has no password is checked for as long: the hash that is made is nobody's. */
static enum err check_nothing(struct job *job)
{
  char unused[crypto_pwhash_STRBYTES];
  enum err err = make_hash(job, unused);
  sodium_memzero(unused, sizeof unused);
  return err == ERR_OK ? ERR_BAD_PASSWORD : err;
}

static enum err check(struct job *job)
{
  if (!*job->hash) return check_nothing(job);
  errno = 0;
  if (crypto_pwhash_str_verify(job->hash, job->password, job->password_len) == 0) return ERR_OK;
  return errno == ENOMEM ? ERR_OVERLOADED : ERR_BAD_PASSWORD;
}

static void carry_out(struct job *job)
{
  job->err = job->hashed ? make_hash(job, job->hash) : check(job);
  sodium_memzero(job->password, job->password_len);
}

static void wake(struct passwords *passwords)
{
  /* Fails only where the counter is full: then the loop is awake for long. */
  ssize_t written = write(passwords->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
  (void)written;
}

static struct job *next_job(struct passwords *passwords)
{
  pthread_mutex_lock(&passwords->mutex);
  while (!passwords->waiting && !passwords->ending)
    pthread_cond_wait(&passwords->something, &passwords->mutex);
  struct job *job = passwords->ending ? NULL : passwords->waiting;
  if (job) {
    DL_DELETE(passwords->waiting, job);
    passwords->waiting_count--;
  }
  pthread_mutex_unlock(&passwords->mutex);
  return job;
}

static void finish(struct passwords *passwords, struct job *job)
{
  pthread_mutex_lock(&passwords->mutex);
  DL_APPEND(passwords->finished, job);
  pthread_mutex_unlock(&passwords->mutex);
  wake(passwords);
}

static void *run(void *arg)
{
  struct passwords *passwords = arg;
  struct job *job;
  while ((job = next_job(passwords))) {
    carry_out(job);
    finish(passwords, job);
  }
  return NULL;
}

/* ---- the loop ----------------------------------------------------------------------- */

static void answer(struct job *job, enum err err)
{
  if (!job->hashed)
    job->checked(job->arg, err);
  else
    job->hashed(job->arg, err, err == ERR_OK ? slice_of(job->hash) : (struct slice){0});
  sodium_memzero(job->hash, sizeof job->hash);
  sodium_memzero(job->password, job->password_len);
  free(job);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
  (void)what;
  struct passwords *passwords = arg;
  uint64_t count;
  ssize_t got = read(fd, &count, sizeof count);
  (void)got;
  pthread_mutex_lock(&passwords->mutex);
  struct job *list = passwords->finished, *job, *next;
  passwords->finished = NULL;
  pthread_mutex_unlock(&passwords->mutex);
  DL_FOREACH_SAFE(list, job, next) answer(job, job->err);
}

static struct job *job_new(struct slice password, void *arg)
{
  struct job *job = memory_zalloc(sizeof *job + password.len);
  job->arg = arg;
  job->password_len = password.len;
  if (password.len) memcpy(job->password, password.data, password.len);
  return job;
}

static void submit(struct passwords *passwords, struct job *job)
{
  pthread_mutex_lock(&passwords->mutex);
  bool full = passwords->waiting_count == PASSWORDS_WAITING_MAX;
  if (!full) {
    DL_APPEND(passwords->waiting, job);
    passwords->waiting_count++;
    pthread_cond_signal(&passwords->something);
  }
  pthread_mutex_unlock(&passwords->mutex);
  if (!full) return;
  job->err = ERR_OVERLOADED;
  finish(passwords, job);
}

void password_hash(struct passwords *passwords, struct slice password, hashed_fn *done, void *arg)
{
  struct job *job = job_new(password, arg);
  job->hashed = done;
  submit(passwords, job);
}

void password_check(struct passwords *passwords, struct slice password, struct slice hash,
                    err_fn *done, void *arg)
{
  struct job *job = job_new(password, arg);
  job->checked = done;
  /* What is too long is no hash of ours, and fits no password. */
  if (hash.len && hash.len < sizeof job->hash) memcpy(job->hash, hash.data, hash.len);
  submit(passwords, job);
}

/* ---- life --------------------------------------------------------------------------- */

/* Signals are the loop's. */
static void start_thread(struct passwords *passwords)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&passwords->thread, NULL, run, passwords);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  assert(!failed);
  (void)failed;
}

struct passwords *passwords_new(struct event_base *base)
{
  struct passwords *passwords = memory_zalloc(sizeof *passwords);
  pthread_mutex_init(&passwords->mutex, NULL);
  pthread_cond_init(&passwords->something, NULL);
  passwords->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  assert(passwords->wake_fd >= 0);
  passwords->wake = event_new(base, passwords->wake_fd, EV_READ | EV_PERSIST, on_wake, passwords);
  event_add(passwords->wake, NULL);
  start_thread(passwords);
  return passwords;
}

static void end_thread(struct passwords *passwords)
{
  pthread_mutex_lock(&passwords->mutex);
  passwords->ending = true;
  pthread_cond_signal(&passwords->something);
  pthread_mutex_unlock(&passwords->mutex);
  pthread_join(passwords->thread, NULL);
}

void passwords_free(struct passwords *passwords)
{
  struct job *job, *next;
  end_thread(passwords);
  DL_CONCAT(passwords->finished, passwords->waiting);
  DL_FOREACH_SAFE(passwords->finished, job, next) answer(job, ERR_UNAVAILABLE);
  event_free(passwords->wake);
  close(passwords->wake_fd);
  pthread_cond_destroy(&passwords->something);
  pthread_mutex_destroy(&passwords->mutex);
  free(passwords);
}
