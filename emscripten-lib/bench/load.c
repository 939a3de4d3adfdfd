// Load for echo.c: keeps WINDOW datagrams of SIZE bytes under way to PORT for SECONDS, and prints how many came back in a
// second and the median round trip. One socket connected; what is lost is replaced after 20 ms of silence.
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: load PORT WINDOW SIZE SECONDS\n");
    return 2;
  }
  int window = atoi(argv[2]), size = atoi(argv[3]);
  double seconds = atof(argv[4]);
  int fd = socket(AF_INET, SOCK_DGRAM, 0), buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    perror("connect");
    return 1;
  }
  static char data[65536];
  static double round_trips[1 << 22];
  long received = 0, sent = 0, trips = 0;
  double start = now(), warm = start + 0.5, end = warm + seconds;
  for (int i = 0; i < window; i++) {
    double time = now();
    memcpy(data, &time, sizeof time);
    sent += send(fd, data, size, 0) == size;
  }
  for (double time = start; time < end;) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    if (poll(&entry, 1, 20) == 0) {
      for (int i = 0; i < window; i++) {
        time = now();
        memcpy(data, &time, sizeof time);
        sent += send(fd, data, size, 0) == size;
      }
      continue;
    }
    while (recv(fd, data, sizeof data, MSG_DONTWAIT) > 0) {
      time = now();
      double then;
      memcpy(&then, data, sizeof then);
      if (time > warm) {
        received++;
        if (trips < 1 << 22) round_trips[trips++] = time - then;
      }
      memcpy(data, &time, sizeof time);
      sent += send(fd, data, size, 0) == size;
    }
  }
  qsort(round_trips, trips, sizeof *round_trips, compare);
  printf("%.0f echoes/s, round trip p50 %.0f us\n", received / seconds, trips ? round_trips[trips / 2] * 1e6 : 0);
  send(fd, data, 1, 0);
  return 0;
}
