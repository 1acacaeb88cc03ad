/*
 * memo: signatures that were made or found good before are not computed again.
 *
 * Thousands of runs sign the same bytes by the same keys. Only good ones are remembered.
 */
#include <string.h>
#include <sys/mman.h>

#include "tests/crash/memo.h"
#include "tests/crash/real.h"
#include "tests/crash/world.h"

enum { ENTRIES = 1 << 14 };

struct entry {
    uint64_t name[2]; /* of key, domain and payload (verify: and signature); 0: free */
    struct signature signature;
};

static struct entry *entries;

void memo_open(void)
{
    entries = mmap(NULL, ENTRIES * sizeof(*entries), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (entries == MAP_FAILED)
        world_give_up("shared memory");
}

/* FNV-1a, twice. */
static void mix(uint64_t name[2], const void *data, size_t len)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < len; i++) {
        name[0] = (name[0] ^ at[i]) * 0x100000001b3u;
        name[1] = (name[1] ^ (uint8_t)(at[i] + 1)) * 0x10000000233u;
    }
}

static void begin_name(uint64_t name[2], const struct public_key *key, enum sign_domain domain,
                       struct bytes payload)
{
    name[0] = 0xcbf29ce484222325u;
    name[1] = 0x9ae16a3b2f90404fu;
    mix(name, key, sizeof(*key));
    mix(name, &domain, sizeof(domain));
    mix(name, payload.data, payload.len);
}

/* The entry of that name, or the free one for it; NULL when all is full. */
static struct entry *find(const uint64_t name[2])
{
    for (uint32_t i = 0; i < 64; i++) {
        struct entry *entry = &entries[(name[0] + i) % ENTRIES];

        if (entry->name[0] == 0 || memcmp(entry->name, name, sizeof(entry->name)) == 0)
            return entry;
    }
    return NULL;
}

void __wrap_sign_make(const struct sign_key *key, enum sign_domain domain, struct bytes payload,
                      struct signature *ret_signature);
void __wrap_sign_make(const struct sign_key *key, enum sign_domain domain, struct bytes payload,
                      struct signature *ret_signature)
{
    struct public_key public_key;
    struct entry *entry;
    uint64_t name[2];

    sign_key_public(key, &public_key);
    begin_name(name, &public_key, domain, payload);
    entry = find(name);
    if (entry != NULL && entry->name[0] != 0) {
        *ret_signature = entry->signature;
        return;
    }
    __real_sign_make(key, domain, payload, ret_signature);
    if (entry != NULL) {
        entry->signature = *ret_signature;
        memcpy(entry->name, name, sizeof(name));
    }
}

bool __wrap_sign_verify(const struct public_key *key, enum sign_domain domain, struct bytes payload,
                        const struct signature *signature);
bool __wrap_sign_verify(const struct public_key *key, enum sign_domain domain, struct bytes payload,
                        const struct signature *signature)
{
    struct entry *entry;
    uint64_t name[2];

    begin_name(name, key, domain, payload);
    mix(name, signature, sizeof(*signature));
    entry = find(name);
    if (entry != NULL && entry->name[0] != 0)
        return true;
    if (!__real_sign_verify(key, domain, payload, signature))
        return false;
    if (entry != NULL)
        memcpy(entry->name, name, sizeof(name));
    return true;
}
