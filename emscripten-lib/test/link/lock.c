// With threads: main() holds a lock that JavaScript's call of enter() waits for on the main runtime thread, as exit() waits
// there for the locks of stdio; main() prints and uses a socket before it lets go.
#include <arpa/inet.h>
#include <emscripten.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int entering, entered;

EMSCRIPTEN_KEEPALIVE void enter(void) {
  atomic_store(&entering, 1);
  pthread_mutex_lock(&lock);
  pthread_mutex_unlock(&lock);
  atomic_store(&entered, 1);
}

int main(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  bind(fd, (struct sockaddr *)&address, length);
  getsockname(fd, (struct sockaddr *)&address, &length);
  char byte;
  sendto(fd, "x", 1, 0, (struct sockaddr *)&address, length);
  recv(fd, &byte, 1, MSG_PEEK);
  pthread_mutex_lock(&lock);
  printf("locked\n");
  while (!atomic_load(&entering)) sched_yield();
  ssize_t sent = sendto(fd, "y", 1, 0, (struct sockaddr *)&address, length);
  printf("sent %zd, received %zd\n", sent, recv(fd, &byte, 1, MSG_DONTWAIT));
  pthread_mutex_unlock(&lock);
  while (!atomic_load(&entered)) sched_yield();
  printf("entered\n");
  return 0;
}
