#include "base/bytes.h"

#include "base/error.h"
#include "tests/support/test.h"

TEST("comparison without case knows ASCII letters only")
{
    EXPECT(rt_bytes_equal_nocase(RT_BYTES("ChUnKeD"), RT_BYTES("chunked")));
    EXPECT(!rt_bytes_equal_nocase(RT_BYTES("chunked"), RT_BYTES("chunke")));
    EXPECT(!rt_bytes_equal_nocase(RT_BYTES("[a"), RT_BYTES("{a")));
}

TEST("a trimmed string has no blanks at its ends")
{
    EXPECT_TEXT(rt_bytes_trim(RT_BYTES(" \t a b \t")), "a b");
    EXPECT_TEXT(rt_bytes_trim(RT_BYTES(" \t ")), "");
}

TEST("splitting returns every part, empty ones too")
{
    struct rt_bytes rest = RT_BYTES("a,,b");
    EXPECT_TEXT(rt_bytes_split(&rest, ','), "a");
    EXPECT_TEXT(rt_bytes_split(&rest, ','), "");
    EXPECT(rest.data != NULL);
    EXPECT_TEXT(rt_bytes_split(&rest, ','), "b");
    EXPECT(rest.data == NULL);
}

TEST("a trailing separator is followed by one last empty part")
{
    struct rt_bytes rest = RT_BYTES("a,");
    EXPECT_TEXT(rt_bytes_split(&rest, ','), "a");
    EXPECT(rest.data != NULL);
    EXPECT_TEXT(rt_bytes_split(&rest, ','), "");
    EXPECT(rest.data == NULL);
}

TEST("numbers are digits only and fit 64 bits")
{
    uint64_t value = 7;
    EXPECT_INT(rt_bytes_to_u64(RT_BYTES("0"), &value), 0);
    EXPECT_INT(value, 0);
    EXPECT_INT(rt_bytes_to_u64(RT_BYTES("18446744073709551615"), &value), 0);
    EXPECT(value == UINT64_MAX);
    EXPECT_INT(rt_bytes_to_u64(RT_BYTES("18446744073709551616"), &value),
               RT_ERANGE);
    EXPECT_INT(rt_bytes_to_u64(RT_BYTES(""), &value), RT_EINVAL);
    EXPECT_INT(rt_bytes_to_u64(RT_BYTES("+5"), &value), RT_EINVAL);
    EXPECT_INT(rt_bytes_to_u64(RT_BYTES("5 "), &value), RT_EINVAL);
}

TEST("big-endian stores put the highest byte first")
{
    uint8_t memory[8];
    rt_store_be16(memory, 0x0102);
    EXPECT_INT(memory[0], 1);
    EXPECT_INT(rt_load_be16(memory), 0x0102);
    rt_store_be64(memory, 0x0102030405060708);
    EXPECT_INT(memory[0], 1);
    EXPECT_INT(memory[7], 8);
    EXPECT_INT(rt_load_be64(memory), 0x0102030405060708);
}
