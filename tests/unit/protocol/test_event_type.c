#include "protocol/event_type.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

static const char *fault_of(struct rt_bytes type)
{
    const char *reason = NULL;
    int err = rt_event_type_check(type, &reason);
    EXPECT_INT(err, reason == NULL ? 0 : RT_EINVAL);
    return reason;
}

static void expect_fault(struct rt_bytes type, const char *expected)
{
    const char *reason = fault_of(type);
    EXPECT(reason != NULL);
    EXPECT_TEXT(rt_bytes_of(reason), expected);
}

TEST("a type is a word, or several with points, slashes and colons")
{
    EXPECT(fault_of(RT_BYTES("msg")) == NULL);
    EXPECT(fault_of(RT_BYTES("com.example.order/created")) == NULL);
    EXPECT(fault_of(RT_BYTES("urn:example:moved")) == NULL);
    EXPECT(fault_of(RT_BYTES("v1.2-beta_3~4")) == NULL);
    EXPECT(fault_of(RT_BYTES("ringtail")) == NULL);
}

TEST("letters, digits and 17 signs make a type, and no other byte does")
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789!#$%&'*+-.^_`|~/:";
    for (int byte = 0; byte < 256; byte++) {
        char type[] = {'a', (char)byte, 'b'};
        bool expected = memchr(allowed, byte, sizeof(allowed) - 1) != NULL;
        EXPECT_INT(fault_of((struct rt_bytes){type, 3}) == NULL, expected);
    }
}

TEST("nothing that ends a line, a field or a string gets in")
{
    static const char fault[] =
        "a type has only letters, digits and !#$%&'*+-.^_`|~/:";
    expect_fault(RT_BYTES("a\ndata: x"), fault);
    expect_fault(RT_BYTES("a\r"), fault);
    expect_fault(RT_BYTES("\0"), fault);
    expect_fault(RT_BYTES("a\",\"b"), fault);
    expect_fault(RT_BYTES("a\\u0041"), fault);
    expect_fault(RT_BYTES("a b"), fault);
    expect_fault(RT_BYTES("\xc3\xa4"), fault);
}

TEST("a type has 1 to 64 bytes")
{
    char type[RT_EVENT_TYPE_BYTES_MAX + 1];
    memset(type, 'a', sizeof(type));
    expect_fault((struct rt_bytes){NULL, 0}, "a type is not empty");
    EXPECT(fault_of((struct rt_bytes){type, 1}) == NULL);
    EXPECT(fault_of((struct rt_bytes){type, sizeof(type) - 1}) == NULL);
    expect_fault((struct rt_bytes){type, sizeof(type)},
                 "a type has at most 64 bytes");
}

TEST("what begins like the broker's own types is the broker's own")
{
    static const char fault[] =
        "types that begin with ringtail. are the broker's own";
    expect_fault(RT_BYTES("ringtail.gap"), fault);
    expect_fault(RT_BYTES("ringtail."), fault);
    expect_fault(RT_BYTES("Ringtail.Open"), fault);
    EXPECT(fault_of(RT_BYTES("ringtails.gap")) == NULL);
    EXPECT(fault_of(RT_BYTES("my.ringtail.gap")) == NULL);
}
