/*
 * test_wire_join: what travels by hand survives terminals and mails, and nothing else passes.
 */
#include "common/io/wire_join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/wire_fill.h"

#include <cmocka.h>

struct keys {
    struct sign_key *agent, *guard;
};

static int make_keys(void **state)
{
    struct keys *keys = mem_alloc(1, sizeof(*keys));

    keys->agent = sign_key_generate();
    keys->guard = sign_key_generate();
    *state = keys;
    return 0;
}

static int end_keys(void **state)
{
    struct keys *keys = *state;

    sign_key_free(keys->agent);
    sign_key_free(keys->guard);
    free(keys);
    return 0;
}

static struct wire_bytes make_request(const struct keys *keys, bool witness_only,
                                      struct join_request *ret_request)
{
    memset(ret_request, 0, sizeof(*ret_request));
    text_copy(ret_request->name, NAME_SIZE, "srv712695");
    text_copy(ret_request->version, sizeof(ret_request->version), "0.1.0");
    return wire_encode_join_request(ret_request, keys->agent, witness_only ? NULL : keys->guard);
}

static void request_comes_back(void **state)
{
    struct join_request request, back;
    struct err err = ERR_INIT;

    for (int witness_only = 0; witness_only < 2; witness_only++) {
        AUTO_WIRE struct wire_bytes text = make_request(*state, witness_only == 1, &request);
        if (!wire_decode_join_request(wire_lend(&text), &back, &err))
            fail_msg("%s", err.text);
        assert_memory_equal(&request, &back, sizeof(request));
        assert_int_equal(back.witness_only, witness_only);
    }
}

/* Quoted in a mail with Windows' line ends, something above and below. */
static void request_survives_a_mail(void **state)
{
    struct join_request request, back;
    struct err err = ERR_INIT;
    AUTO_WIRE struct wire_bytes text = make_request(*state, false, &request);
    AUTO_FREE char *mail = mem_alloc(1, 2 * text.len + 100);
    size_t len = (size_t)sprintf(mail, "Hello,\r\n\r\n");

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            mail[len++] = '\r';
        mail[len++] = (char)text.data[i];
    }
    len += (size_t)sprintf(mail + len, "-- \r\nme\r\n");
    if (!wire_decode_join_request((struct bytes){(const uint8_t *)mail, len}, &back, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(&request, &back, sizeof(request));
}

static const struct join_request *asked;

/* Altered, it is refused; or name, kind and keys are the same (white space, the version). */
static void try_request(struct bytes bad)
{
    struct join_request back;
    struct err err = ERR_INIT;

    if (!wire_decode_join_request(bad, &back, &err)) {
        assert_string_not_equal(err.text, "");
        return;
    }
    text_copy(back.version, sizeof(back.version), "0.1.0");
    memset(back.version + 5, 0, sizeof(back.version) - 5);
    assert_memory_equal(&back, asked, sizeof(back));
}

static void altered_request_is_refused(void **state)
{
    struct join_request request;
    AUTO_WIRE struct wire_bytes text = make_request(*state, true, &request);
    struct bytes lent = wire_lend(&text);

    asked = &request;
    torment(lent, try_request);
}

static void fill_bundle(struct join_bundle *bundle, const struct sign_key *key)
{
    static struct roster roster;

    memset(bundle, 0, sizeof(*bundle));
    fill_roster(&roster);
    text_copy(bundle->name, NAME_SIZE, "srv712695");
    bundle->roster = wire_encode_roster(&roster, key);
    text_copy(bundle->certificate_pem, PKI_PEM_SIZE, "-----BEGIN CERTIFICATE-----\n");
    text_copy(bundle->ca_pem, PKI_PEM_SIZE, "-----BEGIN CERTIFICATE-----\nCA\n");
    bundle->controllers_count = CONTROLLERS_MAX;
    for (unsigned i = 0; i < CONTROLLERS_MAX; i++)
        snprintf(bundle->controllers[i], PATH_SIZE, "tls+tcp://control-%u.example.org:7300", i);
}

static void bundle_comes_back(void **state)
{
    const struct keys *keys = *state;
    struct join_bundle bundle, back;
    struct err err = ERR_INIT;

    fill_bundle(&bundle, keys->agent);
    AUTO_WIRE struct wire_bytes text = wire_encode_join_bundle(&bundle);
    if (!wire_decode_join_bundle(wire_lend(&text), &back, &err))
        fail_msg("%s", err.text);
    expect_same_bytes(wire_lend(&bundle.roster), wire_lend(&back.roster));
    wire_bytes_done(&bundle.roster);
    wire_bytes_done(&back.roster);
    assert_memory_equal(&bundle, &back, sizeof(bundle));
}

static void try_bundle(struct bytes bad)
{
    struct join_bundle bundle;
    struct err err = ERR_INIT;

    if (wire_decode_join_bundle(bad, &bundle, &err))
        join_bundle_done(&bundle);
    else
        assert_string_not_equal(err.text, "");
}

static void bundle_bears_anything(void **state)
{
    const struct keys *keys = *state;
    struct join_bundle bundle;

    fill_bundle(&bundle, keys->agent);
    wire_bytes_done(&bundle.roster);
    AUTO_WIRE struct wire_bytes text = wire_encode_join_bundle(&bundle);
    torment(wire_lend(&text), try_bundle);
}

static void one_is_not_the_other(void **state)
{
    struct join_request request;
    struct join_bundle bundle;
    struct err err = ERR_INIT;
    AUTO_WIRE struct wire_bytes text = make_request(*state, false, &request);

    assert_false(wire_decode_join_bundle(wire_lend(&text), &bundle, &err));
    assert_non_null(strstr(err.text, "OCEANID JOIN BUNDLE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_comes_back),         cmocka_unit_test(request_survives_a_mail),
        cmocka_unit_test(altered_request_is_refused), cmocka_unit_test(bundle_comes_back),
        cmocka_unit_test(bundle_bears_anything),      cmocka_unit_test(one_is_not_the_other),
    };

    return cmocka_run_group_tests(tests, make_keys, end_keys);
}
