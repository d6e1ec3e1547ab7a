#include "serve.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include <ringtail/log.h>
#include <ringtail/ringtail.h>

#include "memory.h"
#include "options.h"

/* For requests and close handshakes to finish after a signal. */
#define DRAIN_MS           2000
#define OBSTACLE_MAX_BYTES 256 /* a name has 255 */

struct program {
    uv_loop_t loop;
    uv_signal_t signals[2];
    struct memory memory;
    struct ringtail_broker *broker;
    bool is_stopping;
};

static void
on_log(void *context, enum ringtail_log_level level, const char *text)
{
    (void)context;
    (void)fprintf(stderr, "ringtail: %s%s\n",
                  level == RINGTAIL_LOG_WARNING ? "warning: " : "", text);
}

static void on_stopped(void *context)
{
    struct program *program = context;
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&program->signals[i], NULL);
    }
    memory_stop(&program->memory);
    /* libuv has put the defaults back; one more signal must not kill what is
     * about to exit in good order. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    (void)number;
    if (program->is_stopping) {
        return;
    }
    program->is_stopping = true;
    ringtail_broker_stop(program->broker, DRAIN_MS, on_stopped, program);
}

/* A peer that hangs up, and a file that may not grow, are errors of write(),
 * and no reason to die. */
static void ignore_signals(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

static void start_signals(struct program *program)
{
    static const int numbers[2] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        (void)uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
}

/* As many descriptors as the system lets this process have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool is_unix(const char *address)
{
    return strncmp(address, "unix:", 5) == 0;
}

static bool is_descriptor(const char *address)
{
    return strncmp(address, "fd:", 3) == 0;
}

static const char *remedy(const char *address, int err)
{
    if (is_unix(address) && err == UV_EACCES) {
        return ": the directory must be there and yours to write to; mend that "
               "or "
               "choose another --listen";
    }
    switch (err) {
    case UV_EADDRINUSE:
        return ": another program listens there, maybe another ringtail; stop "
               "it or choose another --listen";
    case UV_EACCES:
        return ": ports below 1024 and other people's directories need "
               "privileges; choose another --listen";
    case UV_EADDRNOTAVAIL:
        return ": this machine does not have that address";
    case RINGTAIL_EEVENTBYTES:
        return ": lower --event-bytes or raise --ring-bytes";
    case UV_ENOMEM:
        return ": raise --memory";
    default:
        return "";
    }
}

static int listen_all(struct program *program,
                      const struct serve_options *options)
{
    for (unsigned i = 0; i < options->listen_count; i++) {
        const char *address = options->listen[i];
        int err = ringtail_broker_listen(program->broker, address, 0);
        if (err < 0) {
            (void)fprintf(stderr, "ringtail: cannot listen on %s: %s%s\n",
                          address, ringtail_strerror(err),
                          remedy(address, err));
            return -1;
        }
        if (is_unix(address) || is_descriptor(address)) {
            (void)fprintf(stderr, "ringtail: listening on %s\n", address);
        } else {
            const char *bracket = strrchr(address, ']');
            const char *colon =
                strchr(bracket != NULL ? bracket : address, ':');
            int len = (int)(colon != NULL ? (size_t)(colon - address)
                                          : strlen(address));
            (void)fprintf(stderr, "ringtail: listening on http://%.*s:%d\n",
                          len, address, ringtail_broker_port(program->broker));
        }
    }
    (void)fprintf(stderr, "ringtail: ready, for %" PRIu64 " connections\n",
                  ringtail_broker_connections_max(program->broker));
    return 0;
}

/* What the system says without a word of its own is about the directory. */
static bool is_about_data(const struct ringtail_config *config, int err)
{
    static const int others[] = {RINGTAIL_EVALUE,
                                 RINGTAIL_EEVENTBYTES,
                                 RINGTAIL_EDESCRIPTORS,
                                 RINGTAIL_ENODATA,
                                 UV_ENOMEM,
                                 UV_EMFILE};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (err == others[i]) {
            return false;
        }
    }
    return config->data != NULL;
}

static const char *data_remedy(int err)
{
    switch (err) {
    case RINGTAIL_ELOCKED:
        return ": stop it or choose another --data";
    case RINGTAIL_EREPAIR:
        return ": run ringtail log repair";
    case RINGTAIL_EDAMAGED:
        return ": see ringtail log verify";
    case UV_ENOSPC:
        return ": make room or lower --data-reserve";
    case UV_ENOENT:
        return ": the directory it is in must be there";
    case UV_EACCES:
        return ": it must be yours to write to; mend that or choose another "
               "--data";
    case UV_EROFS:
        return ": mount it for writing or choose another --data";
    default:
        return "";
    }
}

static void complain_of_start(const struct ringtail_config *config, int err)
{
    char name[OBSTACLE_MAX_BYTES];
    if (err == RINGTAIL_ENOFILE &&
        ringtail_log_obstacle(config->data, name, sizeof(name)) == 0) {
        (void)fprintf(stderr, "ringtail: cannot open %s/%s: %s\n", config->data,
                      name, ringtail_strerror(err));
    } else if (is_about_data(config, err)) {
        (void)fprintf(stderr, "ringtail: cannot open the log in %s: %s%s\n",
                      config->data, ringtail_strerror(err), data_remedy(err));
    } else {
        (void)fprintf(stderr, "ringtail: cannot start: %s%s\n",
                      ringtail_strerror(err), remedy("", err));
    }
}

static int run(struct program *program, struct serve_options *options)
{
    options->config.log = on_log;
    options->config.resize = memory_resize;
    options->config.resize_context = &program->memory;
    int err = ringtail_broker_create(&options->config, &program->loop,
                                     &program->broker);
    if (err < 0) {
        complain_of_start(&options->config, err);
        return EXIT_RUNTIME;
    }
    start_signals(program);
    memory_start(&program->memory, &program->loop);
    err = listen_all(program, options);
    if (err < 0) {
        program->is_stopping = true;
        ringtail_broker_stop(program->broker, 0, on_stopped, program);
    }
    (void)uv_run(&program->loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(program->broker);
    return err < 0 ? EXIT_RUNTIME : 0;
}

int serve(int count, char **arguments)
{
    struct serve_options options;
    struct program program = {.is_stopping = false};
    if (serve_options_parse(&options, count, arguments) < 0) {
        return EXIT_USAGE;
    }
    if (options.wants_help) {
        serve_options_print(stdout);
        return 0;
    }
    ignore_signals();
    raise_descriptors();
    int err = uv_loop_init(&program.loop);
    if (err < 0) {
        (void)fprintf(stderr, "ringtail: cannot start: %s\n",
                      ringtail_strerror(err));
        return EXIT_RUNTIME;
    }
    int code = run(&program, &options);
    err = uv_loop_close(&program.loop);
    if (err < 0 && code == 0) {
        (void)fprintf(stderr, "ringtail: something was left on the loop\n");
        return EXIT_RUNTIME;
    }
    return code;
}
