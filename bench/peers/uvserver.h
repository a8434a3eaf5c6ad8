// What the peers on libuv share.
#ifndef UVSERVER_H
#define UVSERVER_H
#include "server.h"

#include <uv.h>

static inline void check(int status, const char *what) {
	if (status >= 0) return;
	fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
	exit(1);
}

static inline void uv_listen_on(uv_tcp_t *listener, int port, uv_connection_cb accepted) {
	struct sockaddr_in a;
	int size = sizeof a;
	check(uv_tcp_init(uv_default_loop(), listener), "uv_tcp_init");
	check(uv_ip4_addr("127.0.0.1", port, &a), "uv_ip4_addr");
	check(uv_tcp_bind(listener, (struct sockaddr *)&a, 0), "uv_tcp_bind");
	check(uv_listen((uv_stream_t *)listener, backlog, accepted), "uv_listen");
	check(uv_tcp_getsockname(listener, (struct sockaddr *)&a, &size), "uv_tcp_getsockname");
	announce("tcp", &a);
}

static inline void uv_bind_on(uv_udp_t *socket, unsigned flags, int port) {
	struct sockaddr_in a;
	int size = sizeof a;
	uv_os_fd_t fd;
	check(uv_udp_init_ex(uv_default_loop(), socket, flags), "uv_udp_init_ex");
	check(uv_ip4_addr("127.0.0.1", port, &a), "uv_ip4_addr");
	check(uv_udp_bind(socket, (struct sockaddr *)&a, 0), "uv_udp_bind");
	check(uv_fileno((uv_handle_t *)socket, &fd), "uv_fileno");
	widen(fd);
	check(uv_udp_getsockname(socket, (struct sockaddr *)&a, &size), "uv_udp_getsockname");
	announce("udp", &a);
}
#endif
