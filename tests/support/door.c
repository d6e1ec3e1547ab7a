#include "tests/support/door.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

static const char *copy(char memory[TEST_DOOR_TEXT_MAX], const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    (void)snprintf(memory, TEST_DOOR_TEXT_MAX, "%s", text);
    return memory;
}

static enum ringtail_verdict on_request(void *context,
                                        const struct ringtail_request *request,
                                        struct ringtail_authorization *question)
{
    struct test_door *door = context;
    EXPECT(door->asked < TEST_DOOR_QUESTIONS_MAX);
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
    if (door->asked == door->stops_at) {
        test_host_begin_stop(&door->host, door->drain_ms);
    }
    if (door->inside != RINGTAIL_ALLOW) {
        ringtail_authorize(question, door->inside);
    }
    return door->verdict;
}

void test_door_open_with(struct test_door *door,
                         enum ringtail_verdict verdict,
                         uint64_t head_timeout)
{
    struct ringtail_config config;
    *door = (struct test_door){.verdict = verdict};
    ringtail_config_init(&config);
    config.authorize = on_request;
    config.authorize_context = door;
    config.head_timeout = head_timeout;
    test_host_start(&door->host, &config);
}

void test_door_open(struct test_door *door, enum ringtail_verdict verdict)
{
    test_door_open_with(door, verdict, 10000);
}

void test_door_await(struct test_door *door, uint64_t count)
{
    test_host_until(&door->host, &door->asked, count);
}
