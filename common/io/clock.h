/*
 * clock: the only place that asks what time it is.
 */
#ifndef COMMON_IO_CLOCK_H
#define COMMON_IO_CLOCK_H

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "common/core/mono.h"

mono_t clock_now(void);   /* CLOCK_BOOTTIME, ms */
int64_t clock_unix(void); /* CLOCK_REALTIME, s */
int64_t clock_unix_us(void);

/* The kernel's boot id, or the text of the file that OCEANID_BOOT_ID_FILE names. size >= 40. */
bool clock_boot_id(char *to, size_t size, struct err *err);

/* From getrandom(2); aborts when the kernel has none. */
void clock_random(void *to, size_t len);

#endif
