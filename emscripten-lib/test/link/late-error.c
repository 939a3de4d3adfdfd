// Ends with bytes on their way to the port of its argument, and an error of JavaScript right behind.
#include <arpa/inet.h>
#include <emscripten.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || send(fd, "x", 1, 0) != 1) return 1;
  EM_ASM(setTimeout(() => { throw new Error('late'); }));
  return 3;
}
