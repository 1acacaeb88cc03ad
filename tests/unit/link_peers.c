/*
 * link_peers: certificates in a directory of their own, and a TLS peer that is not nng.
 */
#include "tests/unit/link_peers.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/mbed.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

enum { HOUR_S = 3600, PATIENCE_MS = 10000 };

/* ---- certificates ---------------------------------------------------------------------------- */

static void save(const struct authority *authority, const char *name, const char *suffix,
                 const char *text, char *ret_path, size_t size)
{
    struct err err = ERR_INIT;

    snprintf(ret_path, size, "%s/%s-%s.%s", authority->directory, authority->name, name, suffix);
    if (!file_write(ret_path, text, strlen(text), 0600, &err))
        assert(!"no certificate could be written");
}

void authority_make(struct authority *authority, const char *directory, const char *name)
{
    struct err err = ERR_INIT;
    int64_t now = clock_unix();

    text_copy(authority->directory, sizeof(authority->directory), directory);
    text_copy(authority->name, sizeof(authority->name), name);
    authority->key = sign_key_generate();
    if (!pki_make_ca(authority->key, name, now - HOUR_S, now + HOUR_S, authority->pem, &err))
        assert(!"no CA");
}

void authority_done(struct authority *authority)
{
    sign_key_free(authority->key);
}

void authority_issue(const struct authority *authority, const char *name, enum pki_usage usage,
                     struct identity *ret_identity)
{
    static const char *const addresses[] = {"127.0.0.1", NULL};
    struct sign_key *key = sign_key_generate();
    struct public_key public_key;
    int64_t now = clock_unix();
    struct pki_request request = {name, usage, &public_key, now - HOUR_S, now + HOUR_S, addresses};
    char pem[PKI_PEM_SIZE];
    struct err err = ERR_INIT;

    sign_key_public(key, &public_key);
    if (!pki_issue(authority->key, authority->pem, &request, pem, &err))
        assert(!"no certificate");
    save(authority, name, "ca", authority->pem, ret_identity->ca, sizeof(ret_identity->ca));
    save(authority, name, "pem", pem, ret_identity->cert, sizeof(ret_identity->cert));
    if (!sign_key_pem(key, pem, sizeof(pem), &err))
        assert(!"no key");
    save(authority, name, "key", pem, ret_identity->key, sizeof(ret_identity->key));
    sign_key_free(key);
}

void identity_remove(const struct identity *identity)
{
    unlink(identity->ca);
    unlink(identity->cert);
    unlink(identity->key);
}

struct link_tls identity_tls(const struct identity *identity)
{
    return (struct link_tls){identity->ca, identity->cert, identity->key};
}

/* ---- a TLS peer ------------------------------------------------------------------------------ */

struct tls_peer {
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    mbedtls_x509_crt ca, cert;
    mbedtls_pk_context key;
    mbedtls_net_context net;
};

static void load_identity(struct tls_peer *peer, const struct identity *identity)
{
    struct err err = ERR_INIT;
    uint8_t *pem;
    size_t len;

    if (!file_read(identity->key, PKI_PEM_SIZE, &pem, &len, &err) ||
        mbed_parse_key(&peer->key, pem, len + 1) != 0 ||
        mbedtls_x509_crt_parse_file(&peer->cert, identity->cert) != 0 ||
        mbedtls_x509_crt_parse_file(&peer->ca, identity->ca) != 0 ||
        mbedtls_ssl_conf_own_cert(&peer->config, &peer->cert, &peer->key) != 0)
        assert(!"the identity could not be loaded");
    free(pem);
}

static void open_peer(struct tls_peer *peer, int fd, int side, const struct identity *identity)
{
    mbed_start();
    mbedtls_ssl_config_init(&peer->config);
    mbedtls_ssl_init(&peer->ssl);
    mbedtls_x509_crt_init(&peer->ca);
    mbedtls_x509_crt_init(&peer->cert);
    mbedtls_pk_init(&peer->key);
    peer->net.fd = fd;
    mbedtls_ssl_config_defaults(&peer->config, side, MBEDTLS_SSL_TRANSPORT_STREAM,
                                MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&peer->config, mbed_random, NULL);
    mbedtls_ssl_conf_authmode(&peer->config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_read_timeout(&peer->config, PATIENCE_MS);
    if (identity != NULL)
        load_identity(peer, identity);
    mbedtls_ssl_setup(&peer->ssl, &peer->config);
    mbedtls_ssl_set_hostname(&peer->ssl, LINK_SERVER_NAME);
    mbedtls_ssl_set_bio(&peer->ssl, &peer->net, mbedtls_net_send, NULL, mbedtls_net_recv_timeout);
}

static void close_peer(struct tls_peer *peer)
{
    mbedtls_net_free(&peer->net);
    mbedtls_ssl_free(&peer->ssl);
    mbedtls_ssl_config_free(&peer->config);
    mbedtls_x509_crt_free(&peer->ca);
    mbedtls_x509_crt_free(&peer->cert);
    mbedtls_pk_free(&peer->key);
}

/* Both sides of nng's protocol begin with 0 S P 0 and a protocol number. */
static bool hears_protocol(struct tls_peer *peer)
{
    unsigned char head[8] = {0};

    return mbedtls_ssl_handshake(&peer->ssl) == 0 &&
           mbedtls_ssl_read(&peer->ssl, head, sizeof(head)) > 0 && memcmp(head, "\0SP\0", 4) == 0;
}

/* -1: nobody listens. */
static int try_dial(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int dial(unsigned port)
{
    int fd = try_dial(port);

    if (fd < 0)
        assert(!"nobody listens");
    return fd;
}

static bool enter(struct tls_peer *peer)
{
    static const unsigned char req_head[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

    return mbedtls_ssl_handshake(&peer->ssl) == 0 &&
           mbedtls_ssl_write(&peer->ssl, req_head, sizeof(req_head)) > 0 && hears_protocol(peer);
}

bool peer_is_let_in(unsigned port, const struct identity *identity)
{
    struct tls_peer peer;
    bool good;

    open_peer(&peer, dial(port), MBEDTLS_SSL_IS_CLIENT, identity);
    good = enter(&peer);
    close_peer(&peer);
    return good;
}

bool peer_is_dropped_for(unsigned port, const struct identity *identity, uint64_t len)
{
    struct tls_peer peer;
    unsigned char head[8];
    bool dropped;

    for (unsigned i = 0; i < 8; i++)
        head[i] = (unsigned char)(len >> (56 - 8 * i));
    open_peer(&peer, dial(port), MBEDTLS_SSL_IS_CLIENT, identity);
    if (!enter(&peer) || mbedtls_ssl_write(&peer.ssl, head, sizeof(head)) <= 0)
        assert(!"it was not let in");
    dropped = mbedtls_ssl_read(&peer.ssl, head, sizeof(head)) != MBEDTLS_ERR_SSL_TIMEOUT;
    close_peer(&peer);
    return dropped;
}

bool peer_is_trusted(int fd, const struct identity *identity)
{
    struct tls_peer peer;
    bool good;

    open_peer(&peer, accept4(fd, NULL, NULL, SOCK_CLOEXEC), MBEDTLS_SSL_IS_SERVER, identity);
    good = hears_protocol(&peer);
    close_peer(&peer);
    return good;
}

int peer_listen(unsigned *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        assert(!"no port to listen on");
    *ret_port = ntohs(at.sin_port);
    return fd;
}

void peer_hang_up(unsigned port, unsigned bytes)
{
    char nonsense[64] = "this is no TLS at all";
    int fd = dial(port);

    assert(bytes <= sizeof(nonsense));
    if (bytes > 0 && send(fd, nonsense, bytes, MSG_NOSIGNAL) < 0)
        assert(!"nothing could be sent");
    close(fd);
}

bool peer_break_off(unsigned port)
{
    int fd = try_dial(port);
    struct tls_peer peer;
    bool said = true;

    if (fd < 0)
        return false;
    open_peer(&peer, fd, MBEDTLS_SSL_IS_CLIENT, NULL);
    for (unsigned i = 0; i < 2; i++) /* to begin with, and to send it */
        said = said && mbedtls_ssl_handshake_step(&peer.ssl) == 0;
    close_peer(&peer);
    return said;
}
