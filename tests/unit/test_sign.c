/*
 * test_sign: keys on disk, signatures, and that one kind never passes as another.
 */
#include "common/io/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

#include <cmocka.h>

struct desk {
    char directory[64];
    char path[96];
    struct sign_key *key;
    struct public_key public;
};

static const struct bytes payload = {(const uint8_t *)"a payload", 9};

static int open_desk(void **state)
{
    struct desk *desk = mem_alloc(1, sizeof(*desk));

    text_copy(desk->directory, sizeof(desk->directory), "/tmp/oceanid-sign-XXXXXX");
    assert_non_null(mkdtemp(desk->directory));
    snprintf(desk->path, sizeof(desk->path), "%s/key.pem", desk->directory);
    desk->key = sign_key_generate();
    sign_key_public(desk->key, &desk->public);
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;

    sign_key_free(desk->key);
    unlink(desk->path);
    rmdir(desk->directory);
    free(desk);
    return 0;
}

static void verifies_what_was_signed(void **state)
{
    const struct desk *desk = *state;
    struct signature signature;

    sign_make(desk->key, SIGN_RECEIPT, payload, &signature);
    assert_in_range(signature.len, 60, SIGNATURE_MAX);
    assert_true(sign_verify(&desk->public, SIGN_RECEIPT, payload, &signature));
    sign_make(desk->key, SIGN_RECEIPT, (struct bytes){NULL, 0}, &signature);
    assert_true(sign_verify(&desk->public, SIGN_RECEIPT, (struct bytes){NULL, 0}, &signature));
}

static void one_domain_is_not_another(void **state)
{
    const struct desk *desk = *state;
    struct signature signature;

    for (unsigned signed_as = 0; signed_as < SIGN_DOMAIN_COUNT; signed_as++) {
        sign_make(desk->key, (enum sign_domain)signed_as, payload, &signature);
        for (unsigned taken_as = 0; taken_as < SIGN_DOMAIN_COUNT; taken_as++)
            assert_int_equal(
                sign_verify(&desk->public, (enum sign_domain)taken_as, payload, &signature),
                taken_as == signed_as);
    }
}

/* The NUL between domain and payload: nothing can be moved from one to the other. */
static void a_payload_cannot_lengthen_its_domain(void **state)
{
    const struct desk *desk = *state;
    struct bytes forged = {(const uint8_t *)"oceanid order v1\0a payload", 26};
    struct signature signature;

    sign_make(desk->key, SIGN_ORDER, payload, &signature);
    for (unsigned domain = 0; domain < SIGN_DOMAIN_COUNT; domain++)
        assert_false(sign_verify(&desk->public, (enum sign_domain)domain, forged, &signature));
}

static void nothing_altered_verifies(void **state)
{
    const struct desk *desk = *state;
    struct sign_key *other = sign_key_generate();
    struct public_key key;
    struct signature signature;
    struct signature altered;

    sign_make(desk->key, SIGN_ORDER, payload, &signature);
    for (unsigned i = 0; i < signature.len; i++) {
        altered = signature;
        altered.bytes[i] ^= 1;
        assert_false(sign_verify(&desk->public, SIGN_ORDER, payload, &altered));
    }
    for (uint8_t len = 0; len < signature.len; len++) {
        altered = signature;
        altered.len = len;
        assert_false(sign_verify(&desk->public, SIGN_ORDER, payload, &altered));
    }
    altered = signature;
    altered.len = UINT8_MAX;
    assert_false(sign_verify(&desk->public, SIGN_ORDER, payload, &altered));
    assert_false(
        sign_verify(&desk->public, SIGN_ORDER, (struct bytes){payload.data, 8}, &signature));
    sign_key_public(other, &key);
    assert_false(sign_verify(&key, SIGN_ORDER, payload, &signature));
    sign_key_free(other);
}

static void what_is_no_key_verifies_nothing(void **state)
{
    const struct desk *desk = *state;
    struct public_key key = {{0}};
    struct signature signature;

    sign_make(desk->key, SIGN_ORDER, payload, &signature);
    assert_false(sign_verify(&key, SIGN_ORDER, payload, &signature));
    key = desk->public;
    key.bytes[KEY_SIZE - 1] ^= 1; /* not on the curve */
    assert_false(sign_verify(&key, SIGN_ORDER, payload, &signature));
}

static void a_key_comes_back_from_its_file(void **state)
{
    const struct desk *desk = *state;
    struct sign_key *loaded;
    struct public_key key;
    struct stat about;
    struct err err = ERR_INIT;

    assert_true(sign_key_save(desk->key, desk->path, &err));
    assert_int_equal(stat(desk->path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    loaded = sign_key_load(desk->path, &err);
    if (loaded == NULL)
        fail_msg("%s", err.text);
    sign_key_public(loaded, &key);
    assert_memory_equal(&key, &desk->public, sizeof(key));
    sign_key_free(loaded);
}

static void refuse_file(const struct desk *desk, const char *content, const char *part)
{
    struct err err = ERR_INIT;

    assert_true(file_write(desk->path, content, strlen(content), 0600, &err));
    assert_null(sign_key_load(desk->path, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void other_files_are_refused(void **state)
{
    static char large[4096];
    const struct desk *desk = *state;
    struct err err = ERR_INIT;

    assert_null(sign_key_load(desk->path, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    refuse_file(desk, "", "PEM private key on curve P-256");
    refuse_file(desk, "nonsense", "PEM private key on curve P-256");
    /* openssl ecparam -name secp384r1 -genkey -noout: a key, but on another curve */
    refuse_file(desk,
                "-----BEGIN EC PRIVATE KEY-----\n"
                "MIGkAgEBBDCdR70lqivHQOtbkStnrsi64IMhMQpmh3mXPAf2gw1F0MPvTUV0bO2B\n"
                "ua972nQjYy2gBwYFK4EEACKhZANiAARztq9r1Bi05iGXdK9JuB8e4Jmw27XpfR5f\n"
                "z5cyiZ9csBcKPQZQj6vJ56iliHJOzmrX7b72vjhck+7Bh9eGF9XSojyRPgQiRoSy\n"
                "pANXPx65l9C07S0bKRyVaFF3FhzHjWw=\n"
                "-----END EC PRIVATE KEY-----\n",
                "PEM private key on curve P-256");
    memset(large, 'x', sizeof(large) - 1);
    refuse_file(desk, large, "1024");
}

static void fingerprint_is_as_people_compare_it(void **state)
{
    const struct desk *desk = *state;
    char text[64];

    assert_ptr_equal(sign_fingerprint(&desk->public, text, sizeof(text)), text);
    assert_int_equal(strlen(text), 7 + 43);
    assert_memory_equal(text, "SHA256:", 7);
}

/* FIPS 180-2, appendix B.1. */
static void hashes_as_the_standard_says(void **state)
{
    struct hash hash;
    char text[2 * HASH_SIZE + 1];

    (void)state;
    sign_hash("abc", 3, &hash);
    bytes_format_hex(hash.bytes, HASH_SIZE, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sign_hash(NULL, 0, &hash);
    bytes_format_hex(hash.bytes, HASH_SIZE, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
#define desk_test(test) cmocka_unit_test_setup_teardown(test, open_desk, close_desk)
    const struct CMUnitTest tests[] = {
        desk_test(verifies_what_was_signed),
        desk_test(one_domain_is_not_another),
        desk_test(a_payload_cannot_lengthen_its_domain),
        desk_test(nothing_altered_verifies),
        desk_test(what_is_no_key_verifies_nothing),
        desk_test(a_key_comes_back_from_its_file),
        desk_test(other_files_are_refused),
        desk_test(fingerprint_is_as_people_compare_it),
        desk_test(hashes_as_the_standard_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
