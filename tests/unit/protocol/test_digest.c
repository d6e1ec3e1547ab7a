#include "protocol/digest.h"

#include "base/writer.h"
#include "tests/support/test.h"

static void expect_digest(struct rt_bytes bytes, const char *expected)
{
    char text[2 * RT_DIGEST_BYTES];
    struct rt_writer writer;
    struct rt_digest digest = rt_digest_of(bytes);
    rt_writer_init(&writer, text, sizeof(text));
    for (size_t i = 0; i < RT_DIGEST_BYTES; i += 4) {
        uint64_t word = 0;
        for (size_t k = 0; k < 4; k++) {
            word = word << 8 | digest.bytes[i + k];
        }
        rt_write_hex32(&writer, (uint32_t)word);
    }
    EXPECT_TEXT(rt_writer_bytes(&writer), expected);
}

TEST("the examples of FIPS 180-4 hold")
{
    expect_digest(RT_BYTES("abc"), "ba7816bf8f01cfea414140de5dae2223"
                                   "b00361a396177a9cb410ff61f20015ad");
    expect_digest(
        RT_BYTES("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST("no bytes at all have a digest too")
{
    expect_digest((struct rt_bytes){NULL, 0},
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                  "7852b855");
}

TEST("digests are equal if all of their bytes are")
{
    struct rt_digest a = rt_digest_of(RT_BYTES("a"));
    for (size_t i = 0; i < RT_DIGEST_BYTES; i++) {
        struct rt_digest b = a;
        EXPECT(rt_digest_equal(&a, &b));
        b.bytes[i] ^= 1;
        EXPECT(!rt_digest_equal(&a, &b));
    }
}
