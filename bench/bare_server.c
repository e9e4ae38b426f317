/*
 * bare-server: the least a server with the same libraries can do: a mutual TLS 1.3 handshake and the
 * answer `ok`.  What an enrolment costs beyond it is ours.
 *
 *   bare-server CERT KEY CLIENT-CA     prints the port, serves until killed
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>

static struct event_base *base;

static struct bufferevent *new_connection(struct event_base *b, void *arg)
{
	return bufferevent_openssl_socket_new(b, -1, SSL_new(arg), BUFFEREVENT_SSL_ACCEPTING,
		BEV_OPT_CLOSE_ON_FREE);
}

static void answer(struct evhttp_request *req, void *arg)
{
	(void)arg;
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "ok", 2);
	evhttp_send_reply(req, 200, "OK", b);
	evbuffer_free(b);
}

static SSL_CTX *new_ctx(char **argv)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
	SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_options(c,
		SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
	SSL_CTX_set_num_tickets(c, 0);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (SSL_CTX_use_certificate_chain_file(c, argv[1]) != 1 ||
		SSL_CTX_use_PrivateKey_file(c, argv[2], SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_load_verify_file(c, argv[3]) != 1)
		return NULL;
	return c;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		bool asked = argc == 2 && strcmp(argv[1], "--help") == 0;
		fputs("usage: bare-server CERT KEY CLIENT-CA\n", asked ? stdout : stderr);
		return asked ? 0 : 2;
	}
	SSL_CTX *ctx = new_ctx(argv);
	base = event_base_new();
	struct evhttp *http = base != NULL ? evhttp_new(base) : NULL;
	struct evhttp_bound_socket *sock =
		http != NULL ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;
	if (ctx == NULL || sock == NULL) {
		fputs("bare-server: it cannot start\n", stderr);
		return 3;
	}
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	if (getsockname(evhttp_bound_socket_get_fd(sock), (struct sockaddr *)&a, &len) != 0)
		return 3;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	evhttp_set_bevcb(http, new_connection, ctx);
	evhttp_set_gencb(http, answer, NULL);
	event_base_dispatch(base);
	return 0;
}
