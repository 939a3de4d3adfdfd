// main() waits in epoll_wait() for standard input, a pipe and a socket together; JavaScript meanwhile makes them ready,
// one after the other, and closes them.
#include <arpa/inet.h>
#include <emscripten.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int epfd, ends[2], sockets[2];
static struct sockaddr_in address = {.sin_family = AF_INET};

EMSCRIPTEN_KEEPALIVE void write_pipe(void) { write(ends[1], "x", 1); }
EMSCRIPTEN_KEEPALIVE void send_datagram(void) {
  sendto(sockets[1], "x", 1, 0, (struct sockaddr *)&address, sizeof address);
}
EMSCRIPTEN_KEEPALIVE void close_socket(void) { close(sockets[0]); }
EMSCRIPTEN_KEEPALIVE void close_epoll(void) { close(epfd); }

static int bound(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  address.sin_port = 0;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, (struct sockaddr *)&address, sizeof address);
  return fd;
}

static void add(int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) < 0) perror("EPOLL_CTL_ADD");
}

static void wait_for(const char *what) {
  struct epoll_event event;
  printf("waiting for %s\n", what);
  int count = epoll_wait(epfd, &event, 1, -1);
  if (count < 0) {
    printf("%s\n", errno == EBADF ? "EBADF" : strerror(errno));
    return;
  }
  int fd = event.data.fd;
  printf("%s\n", fd == 0 ? "standard input" : fd == ends[0] ? "pipe" : fd == sockets[0] ? "socket" : "?");
}

int main(void) {
  socklen_t length = sizeof address;
  sockets[1] = bound();
  sockets[0] = bound();
  getsockname(sockets[0], (struct sockaddr *)&address, &length);
  pipe(ends);
  epfd = epoll_create1(0);
  add(0);
  add(ends[0]);
  add(sockets[0]);
  wait_for("a pipe");
  wait_for("a socket");
  wait_for("input");
  wait_for("a closed socket, then a pipe");
  wait_for("a closed epoll");
  return 0;
}
