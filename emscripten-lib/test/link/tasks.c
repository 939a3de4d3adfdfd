// main() waits in recv(); JavaScript meanwhile calls the other functions, from a stack that cannot be suspended.
#include <arpa/inet.h>
#include <emscripten.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int waiting, other;
static struct sockaddr_in address = {.sin_family = AF_INET};

// Every call here is a number at once, or the program ends with a SuspendError.
EMSCRIPTEN_KEEPALIVE int probe(void) {
  char byte;
  struct pollfd entry = {.fd = other, .events = POLLIN | POLLOUT};
  int nothing = recv(other, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  int writable = poll(&entry, 1, 1000) == 1 && entry.revents == POLLOUT;
  int sent = sendto(other, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address) == 1;
  return nothing && writable && sent;
}

EMSCRIPTEN_KEEPALIVE void close_waiting(void) { close(waiting); }

static int bound(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  socklen_t length = sizeof address;
  address.sin_port = 0;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, (struct sockaddr *)&address, length);
  getsockname(fd, (struct sockaddr *)&address, &length);
  return fd;
}

int main(void) {
  other = bound();
  waiting = bound();
  char byte;
  printf("waiting\n");
  printf("received %zd\n", recv(waiting, &byte, 1, 0));
  printf("waiting again\n");
  ssize_t got = recv(waiting, &byte, 1, 0);
  printf("%zd %s\n", got, errno == EBADF ? "EBADF" : strerror(errno));
  return 0;
}
