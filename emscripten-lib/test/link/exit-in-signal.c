// exit() in a signal handler ends the program while main() waits in recv().
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

static void at_exit(void) { puts("at exit"); }

static void on_alarm(int signal) {
  printf("signal %s\n", signal == SIGALRM ? "SIGALRM" : "?");
  exit(3);
}

int main(void) {
  atexit(at_exit);
  signal(SIGALRM, on_alarm);
  struct itimerval soon = {.it_value = {.tv_usec = 10000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  char byte;
  recv(socket(AF_INET, SOCK_DGRAM, 0), &byte, 1, 0);
  puts("recv returned");
  return 1;
}
