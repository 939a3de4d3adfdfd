// Reads standard input: waits with poll(), then reads line by line until the end.
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
  struct stat status;
  fstat(0, &status);
  struct pollfd entry = {.fd = 0, .events = POLLIN};
  printf("%s, poll now %d\n", S_ISFIFO(status.st_mode) ? "pipe" : "other", poll(&entry, 1, 0));
  poll(&entry, 1, -1);
  printf("poll said%s%s\n", entry.revents & POLLIN ? " IN" : "", entry.revents & POLLHUP ? " HUP" : "");
  char line[64];
  while (fgets(line, sizeof line, stdin)) printf("line %s", line);
  poll(&entry, 1, -1);
  printf("at the end%s%s, read %zd\n", entry.revents & POLLIN ? " IN" : "", entry.revents & POLLHUP ? " HUP" : "",
    read(0, line, sizeof line));
  return 0;
}
