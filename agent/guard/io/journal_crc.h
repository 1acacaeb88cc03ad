/*
 * journal_crc: CRC-32C (Castagnoli, reflected), of bytes or, once their sums are made, of any part
 * of them without looking at it again.
 */
#ifndef AGENT_GUARD_IO_JOURNAL_CRC_H
#define AGENT_GUARD_IO_JOURNAL_CRC_H

#include "common/core/bytes.h"

uint32_t journal_crc(struct bytes bytes);

/* Of each beginning, by its length: bytes.len + 1 of them. The caller frees. */
uint32_t *journal_crc_sums(struct bytes bytes);

/* Of the len bytes at from, of what the sums were made of. */
uint32_t journal_crc_part(const uint32_t *sums, size_t from, size_t len);

#endif
