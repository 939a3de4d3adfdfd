// With threads: main() waits in recv() on its thread; JavaScript calls probe() on the main runtime thread, where a call
// that would wait must come back at once.
#include <arpa/inet.h>
#include <emscripten.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

static int fd;
static struct sockaddr_in address = {.sin_family = AF_INET};

EMSCRIPTEN_KEEPALIVE int probe(void) {
  char byte;
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  int nothing = recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN;
  int not_ready = poll(&entry, 1, -1) == 0;
  int sent = sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address) == 1;
  return nothing && not_ready && sent;
}

int main(void) {
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  socklen_t length = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, (struct sockaddr *)&address, length);
  getsockname(fd, (struct sockaddr *)&address, &length);
  printf("waiting\n");
  char byte;
  printf("received %zd\n", recv(fd, &byte, 1, 0));
  return 0;
}
