/* Settings: every source, their precedence, every type, what is refused and how it is
 * told, what a reload takes over, and what is never shown. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings.h"

static char *no_environment[] = {NULL};
static char file_path[64];

#define ARGUMENTS(...)   ((char *[]){"parley", __VA_ARGS__ __VA_OPT__(, ) NULL})
#define ENVIRONMENT(...) ((char *[]){__VA_ARGS__, NULL})

static void write_file(const char *text)
{
  FILE *file = fopen(file_path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static int make_file(void **state)
{
  (void)state;
  snprintf(file_path, sizeof file_path, "/tmp/parley-test-XXXXXX");
  int fd = mkstemp(file_path);
  return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
  (void)state;
  return unlink(file_path);
}

static struct config loaded(char **arguments, char **environment)
{
  struct config config;
  char error[256] = "";
  if (!config_load(&config, arguments, environment, error, sizeof error)) fail_msg("%s", error);
  return config;
}

static void assert_refused(char **arguments, char **environment, const char *expected)
{
  struct config config;
  char error[256] = "";
  if (config_load(&config, arguments, environment, error, sizeof error)) {
    config_free(&config);
    fail_msg("was accepted, instead of: %s", expected);
  }
  assert_string_equal(error, expected);
}

static void assert_refused_with(const char *flag, const char *expected)
{
  assert_refused(ARGUMENTS((char *)flag), no_environment, expected);
}

static void assert_file_refused(const char *text, const char *line_and_reason)
{
  char expected[256];
  write_file(text);
  snprintf(expected, sizeof expected, "%s:%s", file_path, line_and_reason);
  assert_refused(ARGUMENTS("--config", file_path), no_environment, expected);
}

static void defaults_are_those_of_the_design(void **state)
{
  (void)state;
  struct config config = loaded(ARGUMENTS(), no_environment);
  assert_int_equal(config.request, CONFIG_RUN);
  assert_int_equal(config.port, 8080);
  assert_string_equal(config.redis, "");
  assert_string_equal(config.prefix, "parley:");
  assert_int_equal(config.message_bytes, 65536);
  assert_int_equal(config.hard_message_bytes, 1 << 20);
  assert_int_equal(config.outbox_bytes, 1 << 20);
  assert_int_equal(config.frames_per_second, 500);
  assert_int_equal(config.frames_burst, 2000);
  assert_int_equal(config.bytes_per_second, 4 << 20);
  assert_int_equal(config.bytes_burst, 32 << 20);
  assert_int_equal(config.sends_per_second, 200);
  assert_int_equal(config.sends_burst, 1000);
  assert_int_equal(config.inbox_messages, 10000);
  assert_int_equal(config.log_messages, 1000);
  assert_int_equal(config.dedupe_seconds, 300);
  assert_string_equal(config.token_secret, "");
  assert_int_equal(config.credential_days, 30);
  assert_int_equal(config.auth, AUTH_OPEN);
  assert_int_equal(config.log_level, LOG_INFO);
  assert_int_equal(config.log_format, LOG_KEY_VALUE);
  assert_true(config.console);
  assert_int_equal(config.origins.count, 0);
  config_free(&config);
}

static void a_node_without_a_name_gets_one(void **state)
{
  (void)state;
  struct config config = loaded(ARGUMENTS(), no_environment);
  assert_int_equal(strlen(config.node_id), 7);
  assert_memory_equal(config.node_id, "gw-", 3);
  assert_int_equal(strspn(config.node_id + 3, "0123456789abcdef"), 4);
  config_free(&config);
}

static void flags_win_over_environment_over_file(void **state)
{
  (void)state;
  write_file("port = 1\nworkers = 1\nnode-id = one\n");
  char **environment = ENVIRONMENT("PARLEY_PORT=2", "PARLEY_WORKERS=2", "HOME=/");
  struct config config = loaded(ARGUMENTS("--config", file_path, "--port", "3"), environment);
  assert_int_equal(config.port, 3);
  assert_int_equal(config.workers, 2);
  assert_string_equal(config.node_id, "one");
  assert_string_equal(config.file, file_path);
  config_free(&config);
}

static void the_environment_may_name_the_file(void **state)
{
  (void)state;
  write_file("port = 1234\n");
  char variable[128];
  snprintf(variable, sizeof variable, "PARLEY_CONFIG=%s", file_path);
  struct config config = loaded(ARGUMENTS(), ENVIRONMENT(variable));
  assert_int_equal(config.port, 1234);
  assert_null(config_warning(&config, 1)); /* the first: auth is open */
  config_free(&config);
}

static void an_empty_variable_is_not_set(void **state)
{
  (void)state;
  struct config config = loaded(ARGUMENTS(), ENVIRONMENT("PARLEY_PORT=", "PARLEY_REDIS="));
  assert_int_equal(config.port, 8080);
  config_free(&config);
}

static void both_forms_are_read(void **state)
{
  (void)state;
  struct config config = loaded(ARGUMENTS("--port=81", "--max-connections-per-address", "7",
                                          "--redis=unix:///run/s?db=3", "--port", "82"),
                                no_environment);
  assert_int_equal(config.port, 82); /* the last one */
  assert_int_equal(config.max_connections_per_address, 7);
  assert_string_equal(config.redis, "unix:///run/s?db=3");
  config_free(&config);
}

static void every_type_is_read(void **state)
{
  (void)state;
  write_file("# a comment, and an empty line\n\n"
             "  message-bytes =  2KiB \r\n"
             "hard-message-bytes=3MiB\n"
             "bytes-per-second = 1048577\n"
             "lease-ms = 7s\n"
             "redis-timeout-ms = 250ms\n"
             "presence-grace-ms = 0\n"
             "console = no\n"
             "log-format = json\n"
             "log-level = debug\n"
             "origins = https://a.example , https://b.example:8443,, \n"
             "trusted-proxies = 10.0.0.0/8,fd00::/8\n"
             "routes = simple=/s,/ ; messaging = /m\n"
             "admin-token = a#b=c-0123456789\n"
             "token-secret = 0123456789 abcdef 0123456789 abc\n"
             "credential-days = 3650\n"
             "data = /var/lib/par ley");
  struct config config = loaded(ARGUMENTS("--config", file_path), no_environment);
  assert_int_equal(config.message_bytes, 2048);
  assert_int_equal(config.hard_message_bytes, 3 << 20);
  assert_int_equal(config.bytes_per_second, 1048577);
  assert_int_equal(config.lease_ms, 7000);
  assert_int_equal(config.redis_timeout_ms, 250);
  assert_int_equal(config.presence_grace_ms, 0);
  assert_false(config.console);
  assert_int_equal(config.log_format, LOG_JSON);
  assert_int_equal(config.log_level, LOG_DEBUG);
  assert_int_equal(config.origins.count, 2);
  assert_string_equal(config.origins.items[0], "https://a.example");
  assert_string_equal(config.origins.items[1], "https://b.example:8443");
  assert_int_equal(config.trusted_networks.count, 2);
  assert_string_equal(config.admin_token, "a#b=c-0123456789");
  assert_string_equal(config.token_secret, "0123456789 abcdef 0123456789 abc");
  assert_int_equal(config.credential_days, 3650);
  assert_string_equal(config.data, "/var/lib/par ley");
  assert_int_equal(config.route_table.count, 3);
  assert_ptr_equal(routes_find(&config.route_table, SLICE("/")), protocol_by_name(SLICE("simple")));
  assert_ptr_equal(routes_find(&config.route_table, SLICE("/m")),
                   protocol_by_name(SLICE("messaging")));
  assert_null(routes_find(&config.route_table, SLICE("/simple")));
  config_free(&config);
}

static void a_bad_flag_is_told(void **state)
{
  (void)state;
  assert_refused_with("--prot=1", "--prot: no such flag; see --help");
  assert_refused_with("--max_connections=1", "--max_connections: no such flag; see --help");
  assert_refused_with("serve", "serve: not a flag; see --help");
  assert_refused_with("-p", "-p: not a flag; see --help");
  assert_refused_with("", ": not a flag; see --help");
  assert_refused_with("--", "--: no such flag; see --help");
  assert_refused_with("--port", "--port: a value is missing");
  assert_refused_with("--config", "--config: a value is missing");
  assert_refused_with("--help=yes", "--help: takes no value");
  assert_refused_with("--probe=0", "--probe: '0' is no port");
  assert_refused_with("--probe=80x", "--probe: '80x' is no port");
  assert_refused_with("--config=/no/such/file", "/no/such/file: No such file or directory");
}

static void a_bad_value_is_told(void **state)
{
  (void)state;
  assert_refused_with("--port=65536", "--port: '65536' is not a number from 0 to 65535");
  assert_refused_with("--port=", "--port: '' is not a number from 0 to 65535");
  assert_refused_with("--port=-1", "--port: '-1' is not a number from 0 to 65535");
  assert_refused_with("--port=0x50", "--port: '0x50' is not a number from 0 to 65535");
  assert_refused_with("--port=99999999999999999999",
                      "--port: '99999999999999999999' is not a number from 0 to 65535");
  assert_refused_with("--port=4KiB", "--port: '4KiB' is not a number from 0 to 65535");
  assert_refused_with("--message-bytes=1", "--message-bytes: '1' is not a size from 1KiB to 16MiB");
  assert_refused_with("--message-bytes=64KB",
                      "--message-bytes: '64KB' is not a size from 1KiB to 16MiB");
  assert_refused_with("--bytes-burst=18446744073709551615TiB",
                      "--bytes-burst: '18446744073709551615TiB' is not a size from 1 to 1TiB");
  assert_refused_with("--lease-ms=1h", "--lease-ms: '1h' is not a number from 500 to 60000");
  assert_refused_with("--console=maybe", "--console: 'maybe' is neither true nor false");
  assert_refused_with("--log-level=loud",
                      "--log-level: 'loud' is none of error|warning|info|debug");
  assert_refused_with("--data=a\nb", "--data: control characters are in the value");
}

static void a_bad_form_or_combination_is_told(void **state)
{
  (void)state;
  assert_refused_with("--auth=jwt", "auth: jwt is not available in this version; only open is");
  assert_refused_with("--auth=webhook",
                      "auth: webhook is not available in this version; only open is");
  assert_refused_with("--node-id=a{b}", "node-id: 'a{b}' is not 1 to 64 of A-Z a-z 0-9 . - _");
  assert_refused_with("--node-id=a b", "node-id: 'a b' is not 1 to 64 of A-Z a-z 0-9 . - _");
  assert_refused_with("--prefix=", "prefix: '' is not 1 to 64 of A-Z a-z 0-9 . - _ :");
  assert_refused_with("--prefix={p}:", "prefix: '{p}:' is not 1 to 64 of A-Z a-z 0-9 . - _ :");
  assert_refused_with("--data=", "data: a folder is needed");
  assert_refused_with("--listen=localhost", "listen: 'localhost' is neither * nor an address");
  assert_refused_with("--listen=127.0.0.1:80",
                      "listen: '127.0.0.1:80' is neither * nor an address");
  assert_refused_with("--redis=http://h",
                      "redis: Redis URLs begin with redis://, rediss://, unix://, "
                      "redis+sentinel:// or redis+cluster://, not with \"http\"");
  assert_refused_with("--redis=redis://a,b",
                      "redis: the Redis URL cannot be read: it names several hosts: that is "
                      "redis+sentinel:// or redis+cluster://");
  assert_refused_with("--message-bytes=2MiB", "hard-message-bytes: less than message-bytes");
  assert_refused_with("--bytes-burst=1000KiB",
                      "bytes-burst: less than hard-message-bytes, which could never pass");
  assert_refused_with("--outbox-bytes=64KiB",
                      "outbox-bytes: less than two messages of message-bytes");
  assert_refused_with("--origins=https://a.example/",
                      "origins: 'https://a.example/' is not like https://example.org");
  assert_refused_with("--origins=a.example",
                      "origins: 'a.example' is not like https://example.org");
  assert_refused_with("--trusted-proxies=10.0.0.0/8,lan", "trusted-proxies: 'lan' is no network");
  assert_refused_with("--admin-token=a b", "admin-token: only printable ASCII, no blanks");
  assert_refused_with("--token-secret=0123456789abcdef0123456789abcde",
                      "token-secret: 32 characters at least, it has 31");
  assert_refused_with("--token-secret-also=short",
                      "token-secret-also: 32 characters at least, it has 5");
  assert_refused_with("--routes=nosuch=/x", "routes: there is no protocol 'nosuch'");
  assert_refused_with("--routes=native=/x",
                      "routes: 'native' has no WebSocket that a path could lead to");
  assert_refused_with("--routes=simple=x", "routes: 'x' is no path");
  assert_refused_with("--routes=simple", "routes: '' is no path");
  assert_refused_with("--routes=simple=/x?y", "routes: '/x?y' is no path");
  assert_refused_with("--routes=simple=/x;messaging=/x", "routes: the path '/x' stands twice");
}

static void a_bad_variable_is_told(void **state)
{
  (void)state;
  assert_refused(ARGUMENTS(), ENVIRONMENT("PARLEY_PORT=tcp://10.0.0.1:80"),
                 "PARLEY_PORT: 'tcp://10.0.0.1:80' is not a number from 0 to 65535");
  /* Also where a flag has a good one. */
  assert_refused(ARGUMENTS("--workers=2"), ENVIRONMENT("PARLEY_WORKERS=many"),
                 "PARLEY_WORKERS: 'many' is not a number from 0 to 256");
}

static void a_bad_line_is_told_with_its_number(void **state)
{
  (void)state;
  assert_file_refused("port = 1\n\nprot = 2\n", "3: unknown key 'prot'");
  assert_file_refused("port\n", "1: not of the form 'key = value'");
  assert_file_refused("# x\nport = x\n", "2: port: 'x' is not a number from 0 to 65535");
  assert_file_refused("port = 1\nport = 1\n", "2: 'port' stands twice");
  assert_file_refused("PORT = 1\n", "1: unknown key 'PORT'");
  assert_file_refused("= 1\n", "1: unknown key ''");
  assert_file_refused("config = x\n", "1: unknown key 'config'");
}

static void a_file_without_end_is_refused(void **state)
{
  (void)state;
  assert_refused_with("--config=/dev/zero", "/dev/zero: larger than 1 MiB");
  assert_refused_with("--config=/tmp", "/tmp: Is a directory");
}

static void unknown_variables_are_warned_of(void **state)
{
  (void)state;
  struct config config = loaded(ARGUMENTS("--listen=127.0.0.1"),
                                ENVIRONMENT("PARLEY_PROT=1", "PARLEYX=1", "XPARLEY_PORT=1"));
  assert_string_equal(config_warning(&config, 0),
                      "PARLEY_PROT is set, but there is no such setting");
  assert_null(config_warning(&config, 1));
  config_free(&config);
}

static bool warns_of_open_auth(const char *listen)
{
  struct config config = loaded(ARGUMENTS("--listen", (char *)listen), no_environment);
  const char *warning = config_warning(&config, 0);
  bool warns = warning && strncmp(warning, "auth is open", 12) == 0;
  config_free(&config);
  return warns;
}

static void open_auth_beyond_loopback_is_warned_of(void **state)
{
  (void)state;
  assert_true(warns_of_open_auth("*"));
  assert_true(warns_of_open_auth("0.0.0.0"));
  assert_true(warns_of_open_auth("192.0.2.1"));
  assert_true(warns_of_open_auth("::"));
  assert_false(warns_of_open_auth("127.0.0.1"));
  assert_false(warns_of_open_auth("::1"));
}

static void requests_are_told_apart(void **state)
{
  (void)state;
  struct {
    char **arguments;
    enum config_request request;
  } rows[] = {
      {ARGUMENTS("--help"), CONFIG_HELP},
      {ARGUMENTS("-h"), CONFIG_HELP},
      {ARGUMENTS("--version"), CONFIG_VERSION},
      {ARGUMENTS("--port=1", "--check-config"), CONFIG_CHECK},
      {ARGUMENTS("--print-config"), CONFIG_PRINT},
      {ARGUMENTS("--probe", "8080"), CONFIG_PROBE},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    /* What does not run reads no settings: a probe is not to fail by a bad one. */
    bool reads = rows[i].request == CONFIG_CHECK || rows[i].request == CONFIG_PRINT;
    struct config config =
        loaded(rows[i].arguments, reads ? no_environment : ENVIRONMENT("PARLEY_PORT=x"));
    assert_int_equal(config.request, rows[i].request);
    if (rows[i].request == CONFIG_PROBE) assert_int_equal(config.probe_port, 8080);
    config_free(&config);
  }
  assert_refused(ARGUMENTS("--check-config"), ENVIRONMENT("PARLEY_PORT=x"),
                 "PARLEY_PORT: 'x' is not a number from 0 to 65535");
}

static struct text printed(const struct config *config)
{
  struct text out = {0};
  config_write(config, &out);
  text_append_char(&out, 0);
  return out;
}

static void what_is_printed_can_be_read_again(void **state)
{
  (void)state;
  struct config first = loaded(ARGUMENTS("--message-bytes=2KiB", "--lease-ms=1500",
                                         "--origins=https://a.example,null", "--routes=simple=/x",
                                         "--console=false", "--log-level=error", "--node-id=n",
                                         "--redis=unix:///run/a:b@c.sock", "--bytes-per-second=0"),
                               no_environment);
  struct text text = printed(&first);
  write_file(text.data);
  struct config second = loaded(ARGUMENTS("--config", file_path), no_environment);
  struct text a = {0}, b = {0};
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    text_reset(&a);
    text_reset(&b);
    setting_write(&first, &settings[i], &a);
    setting_write(&second, &settings[i], &b);
    assert_true(slice_equal(text_slice(&a), text_slice(&b)));
  }
  assert_non_null(strstr(text.data, "# from: flag\nmessage-bytes = 2KiB\n"));
  assert_non_null(strstr(text.data, "port = 8080\n"));
  text_free(&text);
  text_free(&a);
  text_free(&b);
  config_free(&first);
  config_free(&second);
}

static void secrets_are_not_printed(void **state)
{
  (void)state;
  struct config config =
      loaded(ARGUMENTS("--redis=redis://me:pass@wo:rd@h:6379/1"),
             ENVIRONMENT("PARLEY_ADMIN_TOKEN=0123456789abcdef",
                         "PARLEY_TOKEN_SECRET=abcdefghijklmnopqrstuvwxyz012345"));
  struct text text = printed(&config);
  assert_null(strstr(text.data, "pass"));
  assert_null(strstr(text.data, "wo:rd"));
  assert_null(strstr(text.data, "0123456789abcdef"));
  assert_null(strstr(text.data, "abcdefghij"));
  assert_non_null(strstr(text.data, "# from: flag; a secret is not shown\n"
                                    "# redis = redis://me:***@h:6379/1\n"));
  assert_non_null(strstr(text.data, "# admin-token = ***\n"));
  assert_non_null(strstr(text.data, "# token-secret = ***\n"));
  text_free(&text);
  config_free(&config);
}

static void help_names_every_setting(void **state)
{
  (void)state;
  struct text help = {0}, name = {0};
  config_write_help(&help);
  text_append_char(&help, 0);
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    text_reset(&name);
    text_append(&name, SLICE("  --"));
    setting_write_name(&settings[i], &name);
    text_append(&name, SLICE(" \0"));
    assert_non_null(strstr(help.data, name.data));
    assert_non_null(strstr(help.data, settings[i].help));
  }
  for (const char *line = help.data; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    assert_true(strcspn(line, "\n") <= 100);
  }
  text_free(&help);
  text_free(&name);
}

static void names_and_variables_find_their_setting(void **state)
{
  (void)state;
  struct text name = {0};
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    text_reset(&name);
    setting_write_name(&settings[i], &name);
    assert_ptr_equal(setting_find(text_slice(&name)), &settings[i]);
    text_reset(&name);
    setting_write_variable(&settings[i], &name);
    assert_ptr_equal(setting_find_variable(text_slice(&name)), &settings[i]);
  }
  assert_null(setting_find(SLICE("por")));
  assert_null(setting_find(SLICE("ports")));
  assert_null(setting_find(SLICE("")));
  assert_null(setting_find_variable(SLICE("PARLEY_")));
  assert_null(setting_find_variable(SLICE("PORT")));
  text_free(&name);
}

static void a_reload_takes_over_what_it_can(void **state)
{
  (void)state;
  write_file("frames-per-second = 1\nworkers = 1\n");
  struct config running = loaded(ARGUMENTS("--config", file_path, "--port=0"), no_environment);
  running.port = 4321; /* as the supervisor completes it */

  write_file("frames-per-second = 2\nworkers = 2\ninbox-days = 3\norigins = https://a.example\n");
  struct config fresh;
  struct text restart_needed = {0};
  char error[256] = "";
  assert_true(config_reload(&fresh, &running, &restart_needed, error, sizeof error));
  assert_true(slice_is(text_slice(&restart_needed), "workers inbox-days"));
  assert_int_equal(fresh.frames_per_second, 2);
  assert_int_equal(fresh.origins.count, 1);
  assert_int_equal(fresh.workers, 1);
  assert_int_equal(fresh.inbox_days, 30);
  assert_int_equal(fresh.port, 4321);
  assert_string_equal(fresh.node_id, running.node_id);
  config_free(&running);
  /* Nothing of it is borrowed from what ran before. */
  assert_int_equal(strlen(fresh.node_id), 7);
  assert_non_null(routes_find(&fresh.route_table, SLICE("/simple")));
  config_free(&fresh);
  text_free(&restart_needed);
}

static void a_bad_reload_leaves_what_runs(void **state)
{
  (void)state;
  write_file("frames-per-second = 1\n");
  struct config running = loaded(ARGUMENTS("--config", file_path), no_environment);
  write_file("frames-per-second = x\n");
  struct config fresh;
  struct text restart_needed = {0};
  char error[256] = "";
  assert_false(config_reload(&fresh, &running, &restart_needed, error, sizeof error));
  assert_non_null(strstr(error, ":1: frames-per-second: 'x'"));
  assert_int_equal(running.frames_per_second, 1);
  config_free(&running);
  text_free(&restart_needed);
}

static void origins_are_compared_without_case(void **state)
{
  (void)state;
  struct config any = loaded(ARGUMENTS(), no_environment);
  struct config one = loaded(ARGUMENTS("--origins=https://A.example"), no_environment);
  assert_true(config_allows_origin(&any, SLICE("https://b.example")));
  assert_true(config_allows_origin(&one, SLICE("https://a.Example")));
  assert_false(config_allows_origin(&one, SLICE("https://a.example.net")));
  assert_false(config_allows_origin(&one, SLICE("https://a.exampl")));
  assert_true(config_allows_origin(&one, SLICE(""))); /* no browser */
  config_free(&any);
  config_free(&one);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_those_of_the_design),
      cmocka_unit_test(a_node_without_a_name_gets_one),
      cmocka_unit_test(flags_win_over_environment_over_file),
      cmocka_unit_test(the_environment_may_name_the_file),
      cmocka_unit_test(an_empty_variable_is_not_set),
      cmocka_unit_test(both_forms_are_read),
      cmocka_unit_test(every_type_is_read),
      cmocka_unit_test(a_bad_flag_is_told),
      cmocka_unit_test(a_bad_value_is_told),
      cmocka_unit_test(a_bad_form_or_combination_is_told),
      cmocka_unit_test(a_bad_variable_is_told),
      cmocka_unit_test(a_bad_line_is_told_with_its_number),
      cmocka_unit_test(a_file_without_end_is_refused),
      cmocka_unit_test(unknown_variables_are_warned_of),
      cmocka_unit_test(open_auth_beyond_loopback_is_warned_of),
      cmocka_unit_test(requests_are_told_apart),
      cmocka_unit_test(what_is_printed_can_be_read_again),
      cmocka_unit_test(secrets_are_not_printed),
      cmocka_unit_test(help_names_every_setting),
      cmocka_unit_test(names_and_variables_find_their_setting),
      cmocka_unit_test(a_reload_takes_over_what_it_can),
      cmocka_unit_test(a_bad_reload_leaves_what_runs),
      cmocka_unit_test(origins_are_compared_without_case),
  };
  return cmocka_run_group_tests(tests, make_file, remove_file);
}
