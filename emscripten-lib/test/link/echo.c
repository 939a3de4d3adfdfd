// Two sockets talk; the program ends with both open, and exit code 7.
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
  int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(a, (struct sockaddr *)&address, length) < 0) {
    perror("bind");
    return 1;
  }
  getsockname(a, (struct sockaddr *)&address, &length);
  sendto(b, "hello", 5, 0, (struct sockaddr *)&address, length);
  char data[16];
  ssize_t got = recv(a, data, sizeof data, 0);
  printf("%.*s\n", (int)got, data);
  return 7;
}
