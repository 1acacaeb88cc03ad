/*
 * journal_crc: CRC-32C as in RFC 3720, and of parts by what it is: a remainder. That of a whole is
 * its first part's, times x to the number of bits behind it, plus its last part's.
 */
#include "agent/guard/io/journal_crc.h"

#include "common/core/mem.h"

static const uint32_t polynomial = 0x82f63b78u;

/* What is left behind half a byte, by its bits. */
static const uint32_t rests[16] = {
    0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u,
    0x61c69362u, 0x7198540du, 0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
    0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
};

static uint32_t add_byte(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    crc = (crc >> 4) ^ rests[crc & 15u];
    return (crc >> 4) ^ rests[crc & 15u];
}

uint32_t journal_crc(struct bytes bytes)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < bytes.len; i++)
        crc = add_byte(crc, bytes.data[i]);
    return ~crc;
}

uint32_t *journal_crc_sums(struct bytes bytes)
{
    uint32_t *sums = mem_alloc(bytes.len + 1, sizeof(*sums));
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < bytes.len; i++) {
        crc = add_byte(crc, bytes.data[i]);
        sums[i + 1] = ~crc;
    }
    return sums;
}

/* Of two remainders; their highest bit is x to the power of 0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
        if ((a & bit) != 0)
            product ^= b;
        b = (b >> 1) ^ (polynomial & (0u - (b & 1u)));
    }
    return product;
}

/* x to the power of 8 * count. */
static uint32_t shift_by(size_t count)
{
    uint32_t power = 1u << 23; /* of 8 */
    uint32_t shift = 1u << 31;

    for (; count > 0; count >>= 1) {
        if ((count & 1) != 0)
            shift = multiply(shift, power);
        power = multiply(power, power);
    }
    return shift;
}

uint32_t journal_crc_part(const uint32_t *sums, size_t from, size_t len)
{
    return sums[from + len] ^ multiply(shift_by(len), sums[from]);
}
