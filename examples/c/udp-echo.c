// A UDP echo server: sends every datagram back to where it came from.
//
//     udp-echo [ADDRESS [PORT]]        127.0.0.1 and a free port, if nothing is said
//
// It runs until it is ended. On Linux: cc udp-echo.c -o udp-echo
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0); // each line at once, into a pipe too
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, argc > 1 ? argv[1] : "127.0.0.1", &address.sin_addr) != 1) {
    fprintf(stderr, "usage: udp-echo [IPv4-ADDRESS [PORT]]\n");
    return 2;
  }
  address.sin_port = htons(argc > 2 ? atoi(argv[2]) : 0);

  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) {
    perror("socket");
    return 1;
  }
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    perror("bind");
    return 1;
  }
  socklen_t length = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &length);
  char text[INET_ADDRSTRLEN];
  printf("listening on %s:%d\n", inet_ntop(AF_INET, &address.sin_addr, text, sizeof text), ntohs(address.sin_port));

  for (;;) {
    static char data[65536]; // any datagram fits
    struct sockaddr_in peer;
    length = sizeof peer;
    ssize_t size = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&peer, &length);
    if (size < 0) {
      perror("recvfrom");
      return 1;
    }
    printf("%zd bytes from port %d\n", size, ntohs(peer.sin_port));
    // One that cannot be sent back is lost, as any datagram may be.
    if (sendto(fd, data, size, 0, (struct sockaddr *)&peer, length) < 0) perror("sendto");
  }
}
