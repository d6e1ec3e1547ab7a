/*
 * A token for each topic, asked for in `Authorization: Bearer TOKEN`. Producers
 * are told at once, subscribers later, as by a database far away.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringtail/ringtail.h>
#include <uv.h>

/* Pairs of a topic and the field that opens it. */
static const char *const grants[2][2] = {
    {"news", "Bearer red"},
    {"stocks", "Bearer blue"},
};

/* A query to the database, which a timer stands for. */
struct query {
    uv_timer_t timer;
    struct ringtail_authorization *authorization;
    enum ringtail_verdict verdict;
};

static enum ringtail_verdict look_up(const struct ringtail_request *request)
{
    const char *token = request->authorization;
    for (size_t i = 0; i < 2 && token != NULL; i++) {
        if (strcmp(grants[i][0], request->topic) == 0 &&
            strcmp(grants[i][1], token) == 0) {
            return RINGTAIL_ALLOW;
        }
    }
    return token == NULL ? RINGTAIL_UNAUTHORIZED : RINGTAIL_FORBIDDEN;
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_answer(uv_timer_t *timer)
{
    struct query *query = timer->data;
    ringtail_authorize(query->authorization, query->verdict);
    uv_close((uv_handle_t *)timer, on_closed);
}

static enum ringtail_verdict
authorize(void *loop,
          const struct ringtail_request *request,
          struct ringtail_authorization *authorization)
{
    enum ringtail_verdict verdict = look_up(request);
    struct query *query =
        request->action == RINGTAIL_PRODUCE ? NULL : malloc(sizeof(*query));
    if (query == NULL) {
        return verdict;
    }
    query->authorization = authorization;
    query->verdict = verdict; /* the request is gone when the timer fires */
    (void)uv_timer_init(loop, &query->timer);
    query->timer.data = query;
    (void)uv_timer_start(&query->timer, on_answer, 100, 0);
    return RINGTAIL_LATER;
}

static void on_signal(uv_signal_t *interrupt, int number)
{
    (void)number;
    ringtail_broker_stop(interrupt->data, 1000, NULL, NULL);
    uv_close((uv_handle_t *)interrupt, NULL);
}

int main(int count, char **arguments)
{
    uv_loop_t *loop = uv_default_loop();
    uv_signal_t interrupt;
    struct ringtail_config config;
    struct ringtail_broker *broker = NULL;
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:3030";
    ringtail_config_init(&config);
    config.authorize = authorize;
    config.authorize_context = loop;
    if (ringtail_broker_create(&config, loop, &broker) < 0 ||
        ringtail_broker_listen(broker, address, 0) < 0) {
        return 1;
    }
    (void)uv_signal_init(loop, &interrupt);
    interrupt.data = broker;
    (void)uv_signal_start(&interrupt, on_signal, SIGINT);
    int port = ringtail_broker_port(broker);
    (void)printf("listening on http://127.0.0.1:%d\n", port);
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
