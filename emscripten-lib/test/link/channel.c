// Descriptor 3 is a channel to the JavaScript that runs the program: waits for it with poll(), answers each message in
// capitals until the end, and tells what the descriptor is.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
  struct stat status;
  fstat(3, &status);
  int family = 0;
  socklen_t size = sizeof family;
  getsockopt(3, SOL_SOCKET, SO_DOMAIN, &family, &size);
  char data[64];
  fcntl(3, F_SETFL, O_NONBLOCK);
  ssize_t count = read(3, data, sizeof data);
  printf("%s of AF_UNIX %d, read now %zd %s, descriptor 4 is %s\n", S_ISSOCK(status.st_mode) ? "socket" : "other",
    family == AF_UNIX, count, count < 0 && errno == EAGAIN ? "EAGAIN" : "", fcntl(4, F_GETFD) < 0 ? "closed" : "open");
  fcntl(3, F_SETFL, 0);
  struct pollfd entry = {.fd = 3, .events = POLLIN};
  while (poll(&entry, 1, -1) == 1 && (count = read(3, data, sizeof data)) > 0) {
    for (ssize_t i = 0; i < count; i++) data[i] = toupper(data[i]);
    write(3, data, count);
  }
  printf("the end\n");
  send(3, "bye", 3, 0);
  return 0;
}
