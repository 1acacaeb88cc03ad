/*
 * link_tls: TLS 1.2 or later, both sides verified against the fleet's own CA.
 *
 * A client expects the name that every controller's certificate carries, whatever address it was
 * reached at: mbedTLS 2.28 compares no addresses, and 3.6 refuses to go without a name.
 */
#include "common/io/link_tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/mbed.h"

#include <mbedtls/platform_util.h>

enum { PEM_SIZE_MAX = 64 << 10 };

bool link_fail(struct err *err, const char *what, int code)
{
    return err_set(err, ERR_SYSTEM, "%s: %s", what, nng_strerror(code));
}

void link_must(int code)
{
    if (code != 0)
        abort();
}

/* Before libc's, for the whole program. nng 1.5 makes NNG_ECLOSED of EPIPE, and whatever listens or
 * dials stops for good by that, as if it had been closed here (nng issue 1518): a stranger who says
 * hello and goes would stop the listener. A connection that nobody reads is reset, then nng goes
 * on. Weak: a test takes its place. */
__attribute__((weak)) ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);

    if (sent < 0 && errno == EPIPE)
        errno = ECONNRESET;
    return sent;
}

_Noreturn void link_die(const char *url, const char *why)
{
    log_error("link %s: %s; ending this process, systemd starts it again", url, why);
    abort();
}

void link_close(nng_socket socket, const char *url)
{
    struct link_wait wait;

    link_wait_init(&wait, url);
    link_wait_begin(&wait);
    nng_close(socket);
    link_wait_done(&wait);
}

struct pem {
    uint8_t *data;
    size_t len;
};

static void pem_done(struct pem *pem)
{
    if (pem->data != NULL)
        mbedtls_platform_zeroize(pem->data, pem->len);
    free(pem->data);
}
#define AUTO_PEM __attribute__((cleanup(pem_done)))

static bool pem_read(const char *path, struct pem *ret_pem, struct err *err)
{
    return file_read(path, PEM_SIZE_MAX, &ret_pem->data, &ret_pem->len, err);
}

/* nng takes any two; the handshakes would fail without a word of it. */
static bool check_pair(const struct link_tls *tls, const struct pem *cert_pem,
                       const struct pem *key_pem, struct err *err)
{
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    bool good;

    mbedtls_x509_crt_init(&cert);
    mbedtls_pk_init(&key);
    if (mbedtls_x509_crt_parse(&cert, cert_pem->data, cert_pem->len + 1) != 0)
        good = err_set(err, ERR_INPUT, "%s: expected a certificate, PEM", tls->cert_path);
    else if (mbed_parse_key(&key, key_pem->data, key_pem->len + 1) != 0)
        good = err_set(err, ERR_INPUT, "%s: expected a private key, PEM", tls->key_path);
    else
        good = mbed_check_pair(&cert.pk, &key) == 0 ||
               err_set(err, ERR_INPUT, "%s is not the key of %s", tls->key_path, tls->cert_path);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&cert);
    return good;
}

/* nng 1.5 speaks 1.2 only and may say so. */
static int set_version(nng_tls_config *config)
{
    if (nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_3) == 0)
        return 0;
    return nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2);
}

/* nng's default for a server is to ask for no certificate at all: REQUIRED is set on both sides. */
static bool fill_config(nng_tls_config *config, const struct link_tls *tls, struct err *err)
{
    AUTO_PEM struct pem ca = {NULL, 0};
    AUTO_PEM struct pem cert = {NULL, 0};
    AUTO_PEM struct pem key = {NULL, 0};
    int failed;

    if (!pem_read(tls->ca_path, &ca, err) || !pem_read(tls->cert_path, &cert, err) ||
        !pem_read(tls->key_path, &key, err) || !check_pair(tls, &cert, &key, err))
        return false;
    failed = nng_tls_config_ca_chain(config, (char *)ca.data, NULL);
    if (failed != 0)
        return link_fail(err, tls->ca_path, failed);
    failed = nng_tls_config_own_cert(config, (char *)cert.data, (char *)key.data, NULL);
    if (failed != 0)
        return link_fail(err, tls->cert_path, failed);
    failed = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (failed == 0)
        failed = set_version(config);
    return failed == 0 || link_fail(err, "TLS", failed);
}

nng_tls_config *link_make_config(const struct link_tls *tls, nng_tls_mode mode, struct err *err)
{
    nng_tls_config *config = NULL;
    int failed = mbed_start() ? nng_tls_config_alloc(&config, mode) : NNG_ECRYPTO;

    if (failed != 0) {
        link_fail(err, "TLS", failed);
        return NULL;
    }
    if (mode == NNG_TLS_MODE_CLIENT)
        link_must(nng_tls_config_server_name(config, LINK_SERVER_NAME));
    if (fill_config(config, tls, err))
        return config;
    nng_tls_config_free(config);
    return NULL;
}

bool link_check_tls(const struct link_tls *tls, struct err *err)
{
    nng_tls_config *config = link_make_config(tls, NNG_TLS_MODE_SERVER, err);

    if (config != NULL)
        nng_tls_config_free(config);
    return config != NULL;
}
