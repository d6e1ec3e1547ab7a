#include "broker/net/mailbox.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define BYTES_MAX ((size_t)64 * 1024)
#define LARGE     ((size_t)2 * 1024 * 1024)
#define TURNS_MAX 1000

/* A mailbox on a loop, and what it has delivered: letters are numbers. */
struct office {
    uv_loop_t loop;
    struct rt_mailbox mailbox;
    uint64_t delivered;
    uint64_t refuse; /* so many more times */
    uint64_t sent;
};

static bool on_letter(void *context, const struct rt_letter *letter)
{
    struct office *office = context;
    char text[32];
    if (office->refuse > 0) {
        office->refuse--;
        return false;
    }
    int len = snprintf(text, sizeof(text), "%llu",
                       (unsigned long long)office->delivered);
    EXPECT_TEXT(letter->topic, "topic");
    EXPECT(letter->payload.len >= (size_t)len);
    EXPECT(memcmp(letter->payload.data, text, (size_t)len) == 0);
    EXPECT_INT(letter->media, RT_MEDIA_TEXT);
    EXPECT(letter->reply.context == office);
    office->delivered++;
    return true;
}

static void open_office_of(struct office *office, size_t bytes_max)
{
    *office = (struct office){.delivered = 0};
    EXPECT_INT(uv_loop_init(&office->loop), 0);
    EXPECT_INT(rt_mailbox_init(&office->mailbox, &office->loop, bytes_max,
                               on_letter, office),
               0);
}

static void open_office(struct office *office)
{
    open_office_of(office, BYTES_MAX);
}

static int send_padded(struct office *office, size_t len)
{
    char payload[4096] = {0};
    struct rt_letter letter = {.topic = RT_BYTES("topic"),
                               .payload = {payload, len},
                               .media = RT_MEDIA_TEXT,
                               .reply = {NULL, office}};
    (void)snprintf(payload, sizeof(payload), "%llu",
                   (unsigned long long)office->sent);
    int err = rt_mailbox_send(&office->mailbox, &letter);
    office->sent += err == 0 ? 1 : 0;
    return err;
}

static int fill(struct office *office, size_t len)
{
    int err = 0;
    while (err == 0) {
        err = send_padded(office, len);
    }
    return err;
}

static void run(struct office *office)
{
    for (int turns = 0; office->delivered < office->sent; turns++) {
        EXPECT(turns < TURNS_MAX);
        (void)uv_run(&office->loop, UV_RUN_NOWAIT);
    }
}

static void close_office(struct office *office)
{
    rt_mailbox_close(&office->mailbox);
    EXPECT_INT(send_padded(office, 20), UV_ECANCELED);
    EXPECT(rt_mailbox_deliver(&office->mailbox));
    EXPECT_INT(office->delivered, office->sent);
    uv_close((uv_handle_t *)&office->mailbox.async, NULL);
    (void)uv_run(&office->loop, UV_RUN_DEFAULT);
    EXPECT_INT(uv_loop_close(&office->loop), 0);
    rt_mailbox_finish(&office->mailbox);
    EXPECT_INT(office->mailbox.heap.used, 0);
}

TEST("letters are delivered whole and in order, in the loop's next turn")
{
    struct office office;
    open_office(&office);
    for (size_t i = 0; i < 300; i++) {
        EXPECT_INT(send_padded(&office, 20 + i % 30), 0);
    }
    EXPECT_INT(office.delivered, 0);
    (void)uv_run(&office.loop, UV_RUN_NOWAIT);
    EXPECT_INT(office.delivered, 300);
    EXPECT_INT(send_padded(&office, 20), 0);
    run(&office);
    close_office(&office);
}

TEST("a full mailbox refuses until it is emptied, also while a letter waits")
{
    struct office office;
    open_office(&office);
    EXPECT_INT(fill(&office, 1000), RT_EAGAIN);
    uint64_t first = office.sent;
    EXPECT(first * 1000 <= BYTES_MAX / 2 && first * 1100 > BYTES_MAX / 2);
    office.refuse = 3;
    (void)uv_run(&office.loop, UV_RUN_NOWAIT);
    EXPECT_INT(office.delivered, 0);
    /* The loop has one half, so the senders have the other. */
    EXPECT_INT(fill(&office, 1000), RT_EAGAIN);
    EXPECT_INT(office.sent, 2 * first);
    EXPECT(office.mailbox.heap.used <= BYTES_MAX);
    run(&office);
    EXPECT_INT(send_padded(&office, 1000), 0);
    close_office(&office);
}

TEST("a letter that no mailbox could hold is out of range")
{
    struct office office;
    static char payload[BYTES_MAX];
    struct rt_letter letter = {.topic = RT_BYTES("topic"),
                               .payload = {payload, sizeof(payload) / 2}};
    open_office(&office);
    EXPECT_INT(rt_mailbox_send(&office.mailbox, &letter), RT_ERANGE);
    close_office(&office);
}

static void *no_memory(void *context, void *memory, size_t old, size_t new)
{
    (void)context;
    (void)memory;
    (void)old;
    EXPECT(new > 0);
    return NULL;
}

TEST("a letter for which there is no memory is refused, and no other lost")
{
    struct office office;
    open_office(&office);
    EXPECT_INT(send_padded(&office, 20), 0);
    rt_resize_fn resize = office.mailbox.heap.resize;
    office.mailbox.heap.resize = no_memory;
    EXPECT_INT(fill(&office, 100), RT_ENOMEM);
    office.mailbox.heap.resize = resize;
    run(&office);
    close_office(&office);
}

TEST("what a burst took is given back when little comes")
{
    struct office office;
    open_office_of(&office, LARGE);
    EXPECT_INT(fill(&office, 1000), RT_EAGAIN);
    run(&office);
    EXPECT(office.mailbox.heap.used > 4 * RT_MAILBOX_KEPT_BYTES);
    for (int i = 0; i < 4; i++) {
        EXPECT_INT(send_padded(&office, 20), 0);
        run(&office);
    }
    EXPECT(office.mailbox.heap.used <= 2 * RT_MAILBOX_KEPT_BYTES);
    close_office(&office);
}

TEST("a turn delivers a part of a lot")
{
    struct office office;
    open_office_of(&office, LARGE);
    EXPECT_INT(fill(&office, 1000), RT_EAGAIN);
    (void)uv_run(&office.loop, UV_RUN_NOWAIT);
    EXPECT(office.delivered * 1000 > RT_MAILBOX_TURN_BYTES / 2);
    EXPECT(office.delivered * 1000 <= RT_MAILBOX_TURN_BYTES);
    run(&office);
    close_office(&office);
}
