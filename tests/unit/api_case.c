#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/api_case.h"

struct place place;

/* ---- a client --------------------------------------------------------------------------------
 */

void answer_done(struct answer *answer)
{
    json_decref(answer->json);
    free(answer->data);
    memset(answer, 0, sizeof(*answer));
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t len = size * count;

    answer->data = mem_resize(answer->data, answer->len + len + 1, 1);
    memcpy(answer->data + answer->len, data, len);
    answer->len += len;
    answer->data[answer->len] = '\0';
    return len;
}

/* Both sides take turns on this one thread. */
static void perform(CURL *curl, struct answer *answer)
{
    CURLM *multi = curl_multi_init();
    mono_t deadline = clock_now() + 20000;
    int running = 1;

    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_multi_add_handle(multi, curl);
    while (running > 0) {
        if (clock_now() > deadline)
            fail_msg("no answer within 20 s");
        curl_multi_perform(multi, &running);
        place_turn(&place);
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_multi_remove_handle(multi, curl);
    curl_multi_cleanup(multi);
    if (answer->data != NULL)
        answer->json = json_loadb(answer->data, answer->len, 0, NULL);
}

static void set_call(CURL *curl, const char *method, struct bytes body)
{
    if (text_equal(method, "GET"))
        return;
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.len > 0 ? (const char *)body.data : "");
}

struct answer call(const char *method, const char *path, struct bytes body)
{
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    char url[1024];

    snprintf(url, sizeof(url), "http://controller%s", path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, place.socket);
    set_call(curl, method, body);
    perform(curl, &answer);
    curl_easy_cleanup(curl);
    return answer;
}

struct answer get(const char *path)
{
    return call("GET", path, (struct bytes){NULL, 0});
}

struct answer send_text(const char *method, const char *path, const char *text)
{
    return call(method, path, (struct bytes){(const uint8_t *)text, strlen(text)});
}

struct answer call_tls_with(const char *header, const char *path, const char *cert, const char *key)
{
    struct curl_slist *headers = header != NULL ? curl_slist_append(NULL, header) : NULL;
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    char url[1024];

    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", http_port(place.http), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, place.ca_path);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (cert != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, cert);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    }
    perform(curl, &answer);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return answer;
}

struct answer call_tls(const char *path, const char *cert, const char *key)
{
    return call_tls_with(NULL, path, cert, key);
}
/* ---- what is expected ------------------------------------------------------------------------
 */

const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "(none)";
}

void expect_shape(const json_t *object, const char *const *fields)
{
    for (; *fields != NULL; fields++) {
        const json_t *value = json_object_get(object, *fields + 2);
        json_type wanted = (*fields)[0] == 's'   ? JSON_STRING
                           : (*fields)[0] == 'n' ? JSON_INTEGER
                           : (*fields)[0] == 'a' ? JSON_ARRAY
                           : (*fields)[0] == 'o' ? JSON_OBJECT
                                                 : JSON_NULL;

        if (value == NULL)
            fail_msg("'%s' is missing", *fields + 2);
        else if ((*fields)[0] == 'b' ? !json_is_boolean(value) : json_typeof(value) != wanted)
            fail_msg("'%s' is of another type than '%c'", *fields + 2, (*fields)[0]);
    }
}

void expect_refusal(struct answer answer, long status, const char *kind, const char *part)
{
    assert_int_equal(answer.status, status);
    assert_string_equal(text_of(answer.json, "kind"), kind);
    if (strstr(text_of(answer.json, "error"), part) == NULL)
        fail_msg("'%s' does not say '%s'", text_of(answer.json, "error"), part);
    answer_done(&answer);
}

int open_place(void **state)
{
    (void)state;
    place_open(&place);
    return 0;
}

int close_place(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

void set_role(const char *role)
{
    text_copy(place.roles[0].role, NAME_SIZE, role);
}

/* ---- a quarantine ----------------------------------------------------------------------------
 */

void put_quarantine(const struct receipt *receipt, const struct hash *hash)
{
    assert_true(desk_begin(&place.desk, STORE_FULL));
    assert_true(desk_quarantine(&place.desk, receipt, hash));
    assert_true(desk_commit(&place.desk));
}

void quarantine_forwarding(struct hash *ret_receipt)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));

    memset(ret_receipt->bytes, 0xab, HASH_SIZE);
    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->kind = RECEIPT_REVERTED;
    receipt->cause = CAUSE_PROOF_FAILED;
    receipt->objects_count = 1;
    text_copy(receipt->objects[0], sizeof(receipt->objects[0]), "sysctl net.ipv4.ip_forward");
    put_quarantine(receipt, ret_receipt);
}
