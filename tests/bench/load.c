/* load: the load generator's command line. See load.h, and README.md for what the
 * scenarios measure. */
#include "load.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

static const struct {
  const char *name;
  void (*run)(const struct load *load);
  unsigned count, outstanding; /* unless said otherwise */
  const char *help;
} scenarios[] = {
    {"fanout", fanout_run, 1000, 1, "one sender, --count receivers in the lobby (simple)"},
    {"direct", direct_run, 200, 1, "--count pairs, direct messages, acknowledged (messaging)"},
    {"room", room_run, 200, 1, "--count pairs, each in a room of its own (simple)"},
    {"connect", connect_run, 15000, 64,
     "--count connections, --outstanding of them in flight (messaging)"},
    {"idle", idle_run, 10000, 64, "memory of --count connections (messaging)"},
    {"redis", redis_run, 200, 1, "Redis alone: --script as the gateway runs it, for --count pairs"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static const char usage[] =
    "usage: load SCENARIO --port PORT [option ...]\n"
    "  --count N --outstanding K --seconds S --warmup S\n"
    "  --rate R       messages a second of all pairs together, paced; latencies are measured\n"
    "  --no-replies   the server is a bare one: it answers nothing to senders\n"
    "  --reads        receivers mark messages as read\n"
    "  --tag NAME     makes the names of users unique\n"
    "  --redis PATH   Redis's Unix socket: memory is read from it, stored messages counted\n"
    "  --script FILE  what scenario redis runs\n"
    "  --cpu LABEL=PID  a server process, measured with all its children (up to 4)\n"
    "exit status 3: the server does not offer what this scenario needs\n";

enum option_key {
  PORT = 1,
  COUNT,
  OUTSTANDING,
  SECONDS,
  WARMUP,
  RATE,
  NO_REPLIES,
  READS,
  TAG,
  REDIS,
  SCRIPT,
  CPU
};

static const struct option options[] = {
    {"port", required_argument, NULL, PORT},
    {"count", required_argument, NULL, COUNT},
    {"outstanding", required_argument, NULL, OUTSTANDING},
    {"seconds", required_argument, NULL, SECONDS},
    {"warmup", required_argument, NULL, WARMUP},
    {"rate", required_argument, NULL, RATE},
    {"no-replies", no_argument, NULL, NO_REPLIES},
    {"reads", no_argument, NULL, READS},
    {"tag", required_argument, NULL, TAG},
    {"redis", required_argument, NULL, REDIS},
    {"script", required_argument, NULL, SCRIPT},
    {"cpu", required_argument, NULL, CPU},
    {0},
};

static double number_read(const char *name, const char *text)
{
  char *end;
  double number = strtod(text, &end);
  if (end == text || *end || !(number >= 0) || number > 1e9)
    die("--%s %s is no number", name, text);
  return number;
}

static void tree_add(struct load *load, char *what)
{
  if (load->tree_count == TREES) die("at most %d of --cpu", TREES);
  process_tree_find(&load->trees[load->tree_count++], what);
}

static void option_take(struct load *load, int key, const char *name)
{
  switch (key) {
  case PORT:
    load->port = (unsigned)number_read(name, optarg);
    break;
  case COUNT:
    load->count = (unsigned)number_read(name, optarg);
    break;
  case OUTSTANDING:
    load->outstanding = (unsigned)number_read(name, optarg);
    break;
  case SECONDS:
    load->seconds = number_read(name, optarg);
    break;
  case WARMUP:
    load->warmup_s = number_read(name, optarg);
    break;
  case RATE:
    load->rate = number_read(name, optarg);
    break;
  case NO_REPLIES:
    load->replies = false;
    break;
  case READS:
    load->reads = true;
    break;
  case TAG:
    load->tag = optarg;
    break;
  case REDIS:
    load->redis = optarg;
    break;
  case SCRIPT:
    load->script = optarg;
    break;
  case CPU:
    tree_add(load, optarg);
    break;
  default:
    die("%s", usage);
  }
}

static void options_read(struct load *load, int argc, char **argv)
{
  int key, index = 0;
  while ((key = getopt_long(argc, argv, "", options, &index)) != -1)
    option_take(load, key, options[index].name);
  if (optind != argc || load->count == 0 || load->outstanding == 0) die("%s", usage);
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN);
  for (unsigned i = 0; argc > 1 && i < SCENARIOS; i++) {
    if (strcmp(argv[1], scenarios[i].name) != 0) continue;
    struct load load = {.count = scenarios[i].count,
                        .outstanding = scenarios[i].outstanding,
                        .seconds = 3,
                        .warmup_s = 0.5,
                        .replies = true,
                        .tag = "0"};
    options_read(&load, argc - 1, argv + 1);
    scenarios[i].run(&load);
    return EXIT_SUCCESS;
  }
  fputs(usage, stderr);
  for (unsigned i = 0; i < SCENARIOS; i++)
    fprintf(stderr, "  %-8s %s\n", scenarios[i].name, scenarios[i].help);
  return EXIT_FAILURE;
}
