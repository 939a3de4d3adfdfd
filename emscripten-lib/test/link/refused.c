// Asks for what a page may be refused, and says what each call gave.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *outcome(int value) {
  if (value >= 0) return "ok";
  return errno == EACCES ? "EACCES" : errno == EOPNOTSUPP ? "EOPNOTSUPP" : strerror(errno);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xefff4d01)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  printf("udp socket %s\n", outcome(fd));
  if (fd >= 0) {
    printf("udp bind %s\n", outcome(bind(fd, (struct sockaddr *)&address, sizeof address)));
    // To a group, from loopback alone: nothing leaves this machine.
    address.sin_port = htons(9);
    address.sin_addr = group.imr_multiaddr;
    printf("udp send to a group %s\n", outcome(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  fd = socket(AF_INET, SOCK_STREAM, 0);
  printf("tcp socket %s\n", outcome(fd));
  if (fd >= 0) printf("tcp connect %s\n", outcome(connect(fd, (struct sockaddr *)&address, sizeof address)));
  return 0;
}
