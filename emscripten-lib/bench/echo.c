// UDP echo on blocking POSIX sockets: the plainest server there is. Prints its port; a datagram of one byte ends it.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SOL_DIRECTSOCKETS 0x4453
#define DS_STRIPES 1

int main(int argc, char **argv) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int stripes = argc > 1 ? atoi(argv[1]) : 1;
  if (stripes > 1) setsockopt(fd, SOL_DIRECTSOCKETS, DS_STRIPES, &stripes, sizeof stripes);
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr *)&address, length) < 0) {
    perror("bind");
    return 1;
  }
  getsockname(fd, (struct sockaddr *)&address, &length);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  static char data[65536];
  for (;;) {
    length = sizeof address;
    ssize_t got = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&address, &length);
    if (got < 0) {
      perror("recvfrom");
      return 1;
    }
    if (got == 1) return 0;
    if (sendto(fd, data, got, 0, (struct sockaddr *)&address, length) < 0) perror("sendto");
  }
}
