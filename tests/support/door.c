#include "tests/support/door.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

static const char *copy(char memory[TEXT_MAX], const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    (void)snprintf(memory, TEXT_MAX, "%s", text);
    return memory;
}

static enum ringtail_verdict on_request(void *context,
                                        const struct ringtail_request *request,
                                        struct ringtail_authorization *question)
{
    struct door *door = context;
    EXPECT(door->asked < QUESTIONS_MAX);
    door->waiting[door->asked++] = question;
    door->shown = (struct ringtail_request){
        .action = request->action,
        .topic = copy(door->texts[0], request->topic),
        .query = copy(door->texts[1], request->query),
        .authorization = copy(door->texts[2], request->authorization),
        .cookie = copy(door->texts[3], request->cookie),
        .origin = copy(door->texts[4], request->origin),
        .peer = copy(door->texts[5], request->peer),
    };
    if (door->inside != RINGTAIL_ALLOW) {
        ringtail_authorize(question, door->inside);
    }
    return door->verdict;
}

void door_open_with(struct door *door,
                    enum ringtail_verdict verdict,
                    uint64_t head_timeout)
{
    struct ringtail_config config;
    *door = (struct door){.verdict = verdict};
    ringtail_config_init(&config);
    config.authorize = on_request;
    config.authorize_context = door;
    config.head_timeout = head_timeout;
    host_start(&door->host, &config);
}

void door_open(struct door *door, enum ringtail_verdict verdict)
{
    door_open_with(door, verdict, 10000);
}

void door_await(struct door *door, unsigned count)
{
    for (int i = 0; i < 10000 && door->asked < count; i++) {
        host_turn(&door->host);
        uv_sleep(1);
    }
    EXPECT_INT(door->asked, count);
}

void door_expect_silence(struct peer *peer)
{
    host_turns(peer->host, 20);
    peer_read(peer);
    EXPECT_INT(peer->len, 0);
    EXPECT(!peer->has_ended);
}
