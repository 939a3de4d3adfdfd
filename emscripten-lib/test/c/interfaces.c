// Network interfaces: getifaddrs, if_nameindex and their like, the requests of ioctl, and the socket to the kernel behind
// them. What a machine has differs: the cases are about what all have, and about what fits together.
#include "conformance.h"
#include <ifaddrs.h>
#include <net/if.h>

#if __has_include(<linux/rtnetlink.h>)
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#else
// Emscripten has libc's side of it alone (musl's netlink.h, which programs don't see).
#define NETLINK_ROUTE 0
#define NLMSG_ERROR 2
#define NLMSG_NOOP 1
#define NLM_F_REQUEST 1
#define NLM_F_MULTI 2
#define NLM_F_ACK 4
#define NLM_F_ROOT 0x100
#define NLM_F_DUMP 0x300
#define RTM_GETLINK 18
#define NLMSG_DATA(head) ((void *)((head) + 1))
struct sockaddr_nl {
  unsigned short nl_family, nl_pad;
  uint32_t nl_pid, nl_groups;
};
struct nlmsghdr {
  uint32_t nlmsg_len;
  uint16_t nlmsg_type, nlmsg_flags;
  uint32_t nlmsg_seq, nlmsg_pid;
};
struct nlmsgerr {
  int error;
  struct nlmsghdr msg;
};
struct ifinfomsg {
  unsigned char ifi_family, ifi_pad;
  unsigned short ifi_type;
  int ifi_index;
  unsigned ifi_flags, ifi_change;
};
#endif

static const char *text_of(const struct sockaddr *address) {
  static char text[INET6_ADDRSTRLEN];
  if (!address) return "none";
  const void *bytes = address->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                                    : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
  return inet_ntop(address->sa_family, bytes, text, sizeof text) ? text : "unknown";
}

static struct ifaddrs *all(void) {
  struct ifaddrs *list;
  must(getifaddrs(&list), "getifaddrs");
  return list;
}

CASE(loopback_addresses) {
  struct ifaddrs *list = all();
  char told[256] = "";
  for (struct ifaddrs *one = list; one; one = one->ifa_next) {
    if (strcmp(one->ifa_name, "lo") || !one->ifa_addr || one->ifa_addr->sa_family != AF_INET) continue;
    strcat(strcat(told, text_of(one->ifa_addr)), " ");
    strcat(strcat(told, text_of(one->ifa_netmask)), " ");
  }
  freeifaddrs(list);
  result("%s", told);
}

CASE(loopback_flags) {
  struct ifaddrs *list = all();
  for (struct ifaddrs *one = list; one; one = one->ifa_next) {
    if (strcmp(one->ifa_name, "lo")) continue;
    int known = IFF_UP | IFF_RUNNING | IFF_LOOPBACK | IFF_BROADCAST | IFF_POINTOPOINT | IFF_MULTICAST;
    result("%#x", one->ifa_flags & known);
    break;
  }
  freeifaddrs(list);
}

CASE(every_address_is_the_machines) {
  struct ifaddrs *list = all();
  int wrong = 0, some = 0;
  for (struct ifaddrs *one = list; one; one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET) continue;
    int fd = udp(AF_INET);
    some = 1;
    if (bind(fd, one->ifa_addr, sizeof(struct sockaddr_in)) < 0) wrong++;
    close(fd);
  }
  freeifaddrs(list);
  result("%s, %d that cannot be bound", some ? "some" : "none", wrong);
}

// An address of the machine that is not loopback's, or that where there is no other.
static Address outward(void) {
  Address found = v4("127.0.0.1", 0);
  struct ifaddrs *list = all();
  for (struct ifaddrs *one = list; one; one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || one->ifa_flags & IFF_LOOPBACK) continue;
    memcpy(&found.v4, one->ifa_addr, sizeof found.v4);
    break;
  }
  freeifaddrs(list);
  return found;
}

CASE(connected_socket_has_the_address_towards_its_peer) {
  int fd = udp(AF_INET);
  Address peer = outward();
  peer.v4.sin_port = htons(9);
  must(connect(fd, &peer.any, peer.length), "connect");
  Address own = local(fd);
  result("%s", strcmp(host(&own), host(&peer)) ? host(&own) : "yes");
  close(fd);
}

CASE(accepted_socket_has_the_address_that_was_connected_to) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  Address any = v4("0.0.0.0", 0), peer = outward();
  must(bind(listener, &any.any, any.length), "bind");
  must(listen(listener, 1), "listen");
  peer.v4.sin_port = local(listener).v4.sin_port;
  must(connect(client, &peer.any, peer.length), "connect");
  int accepted = accept(listener, NULL, NULL);
  Address own = local(accepted), clients = local(client);
  result("%s %s", strcmp(host(&own), host(&peer)) ? host(&own) : "yes", strcmp(host(&clients), host(&peer)) ? host(&clients) : "yes");
  close(accepted);
  close(client);
  close(listener);
}
CASE(name_and_index) {
  char name[IF_NAMESIZE] = "";
  const char *told = if_indextoname(1, name);
  result("%u %s %s", if_nametoindex("lo"), told ? told : "none", name);
}

CASE(unknown_name) {
  errno = 0;
  unsigned index = if_nametoindex("no such one");
  result("%u %s", index, outcome(-1));
}

CASE(unknown_index) {
  char name[IF_NAMESIZE];
  const char *told = if_indextoname(100000, name);
  // An errno that libcs choose otherwise.
  result("%s", told ? told : "none");
}

CASE(name_index) {
  struct if_nameindex *list = if_nameindex();
  int loopback = 0, wrong = 0;
  for (struct if_nameindex *one = list; one->if_index; one++) {
    loopback += one->if_index == 1 && !strcmp(one->if_name, "lo");
    wrong += if_nametoindex(one->if_name) != one->if_index;
  }
  if_freenameindex(list);
  result("%d loopback, %d wrong", loopback, wrong);
}

static struct ifreq asked;

static const char *ask(int fd, const char *name, unsigned long request) {
  memset(&asked, 0, sizeof asked);
  strncpy(asked.ifr_name, name, sizeof asked.ifr_name - 1);
  return outcome(ioctl(fd, request, &asked));
}

CASE(requests_about_loopback) {
  int fd = udp(AF_INET);
  char told[256];
  int n = sprintf(told, "address %s", ask(fd, "lo", SIOCGIFADDR));
  n += sprintf(told + n, " %s", text_of(&asked.ifr_addr));
  n += sprintf(told + n, ", mask %s", ask(fd, "lo", SIOCGIFNETMASK));
  n += sprintf(told + n, " %s", text_of(&asked.ifr_netmask));
  n += sprintf(told + n, ", MTU %s", ask(fd, "lo", SIOCGIFMTU));
  n += sprintf(told + n, " %d", asked.ifr_mtu);
  n += sprintf(told + n, ", flags %s", ask(fd, "lo", SIOCGIFFLAGS));
  n += sprintf(told + n, " %#x", asked.ifr_flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK | IFF_BROADCAST));
  n += sprintf(told + n, ", hardware %s", ask(fd, "lo", SIOCGIFHWADDR));
  n += sprintf(told + n, " %d", asked.ifr_hwaddr.sa_family);
  n += sprintf(told + n, ", index %s", ask(fd, "lo", SIOCGIFINDEX));
  sprintf(told + n, " %d", asked.ifr_ifindex);
  result("%s", told);
  close(fd);
}

CASE(requests_about_nothing) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  const char *unknown = ask(fd, "none", SIOCGIFADDR), *null = outcome(ioctl(fd, SIOCGIFADDR, NULL));
  result("%s, %s", unknown, null);
  close(fd);
}

CASE(list_by_request) {
  int fd = udp(AF_INET);
  struct ifreq list[64];
  struct ifconf all = {.ifc_len = sizeof list, .ifc_req = list};
  const char *said = outcome(ioctl(fd, SIOCGIFCONF, &all));
  int loopback = 0, count = all.ifc_len / (int)sizeof *list;
  for (int i = 0; i < count; i++) {
    loopback += !strcmp(list[i].ifr_name, "lo") && !strcmp(text_of(&list[i].ifr_addr), "127.0.0.1");
  }
  struct ifconf length = {0};
  must(ioctl(fd, SIOCGIFCONF, &length), "SIOCGIFCONF");
  all.ifc_len = sizeof *list + 1;
  must(ioctl(fd, SIOCGIFCONF, &all), "SIOCGIFCONF");
  result("%s, %d loopback, %s, %d in the room of one", said, loopback,
         length.ifc_len / (int)sizeof *list == count ? "as long as told" : "another length", all.ifc_len / (int)sizeof *list);
  close(fd);
}

static int route(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  must(fd, "socket");
  return fd;
}

static struct {
  struct nlmsghdr head;
  struct ifinfomsg link;
} request;

static const char *send_message(int fd, int type, int flags, int index, size_t length) {
  memset(&request, 0, sizeof request);
  request.head.nlmsg_len = length;
  request.head.nlmsg_type = type;
  request.head.nlmsg_flags = flags;
  request.head.nlmsg_seq = 7;
  request.link.ifi_index = index;
  return outcome(send(fd, &request, length, 0));
}

static const char *send_request(int fd, int type, int flags, int index) {
  return send_message(fd, type, NLM_F_REQUEST | flags, index, sizeof request);
}

// The first message that comes: its type, sequence number, and what an error says.
static const char *answer(int fd) {
  static char texts[4][64], buffer[16384];
  static int next;
  char *text = texts[next++ % 4];
  ssize_t length = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (length < 0) return outcome(length);
  struct nlmsghdr *head = (struct nlmsghdr *)buffer;
  int n = sprintf(text, "type %d, %u", head->nlmsg_type, head->nlmsg_seq);
  if (head->nlmsg_type == NLMSG_ERROR) {
    errno = -((struct nlmsgerr *)NLMSG_DATA(head))->error;
    sprintf(text + n, ", %s in %zd bytes", errno ? outcome(-1) : "ok", length);
  }
  return text;
}

CASE(route_types) {
  int wrong = socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE);
  const char *stream = outcome(wrong);
  int fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), domain = 0;
  socklen_t length = sizeof domain;
  must(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length), "SO_DOMAIN");
  result("%s, domain %d", stream, domain);
  close(fd);
}

CASE(route_names) {
  int fd = route();
  struct sockaddr_nl before = {0}, after = {0}, peer = {0}, any = {.nl_family = AF_NETLINK};
  socklen_t length = sizeof before, longer = 100, least = 4;
  must(getsockname(fd, (struct sockaddr *)&before, &length), "getsockname");
  const char *bound = outcome(bind(fd, (struct sockaddr *)&any, sizeof any));
  must(getsockname(fd, (struct sockaddr *)&after, &longer), "getsockname");
  must(getpeername(fd, (struct sockaddr *)&peer, &least), "getpeername");
  result("%u bytes of family %d, port %s; %s, %u, port %s; %u", length, before.nl_family, before.nl_pid ? "some" : "0",
         bound, longer, after.nl_pid ? "some" : "0", least);
  close(fd);
}

CASE(route_wrong_address) {
  int fd = route();
  struct sockaddr_in other = {.sin_family = AF_INET};
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  const char *family = outcome(bind(fd, (struct sockaddr *)&other, sizeof other));
  result("%s, %s", family, outcome(bind(fd, (struct sockaddr *)&any, sizeof any - 1)));
  close(fd);
}

CASE(route_one_link) {
  int fd = route();
  const char *sent = send_request(fd, RTM_GETLINK, 0, 1);
  const char *one = answer(fd);
  result("%s, %s, then %s", sent, one, answer(fd));
  close(fd);
}

CASE(route_unknown_link) {
  int fd = route();
  const char *sent = send_request(fd, RTM_GETLINK, 0, 100000);
  result("%s, %s", sent, answer(fd));
  close(fd);
}

CASE(route_acknowledgement) {
  int fd = route();
  send_request(fd, RTM_GETLINK, NLM_F_ACK, 1);
  const char *one = answer(fd);
  result("%s, then %s", one, answer(fd));
  close(fd);
}

CASE(route_what_is_no_request_is_passed_over) {
  int fd = route();
  size_t head = sizeof request.head, whole = sizeof request;
  send_message(fd, RTM_GETLINK, 0, 1, whole);
  const char *unasked = answer(fd);
  send_message(fd, NLMSG_NOOP, NLM_F_REQUEST, 1, whole);
  const char *own = answer(fd);
  send_message(fd, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, head);
  const char *short_of_a_family = answer(fd);
  send_message(fd, RTM_GETLINK, NLM_F_ACK, 1, whole);
  result("%s, %s, %s; acknowledged: %s", unasked, own, short_of_a_family, answer(fd));
  close(fd);
}

CASE(route_short_request) {
  int fd = route();
  send_message(fd, RTM_GETLINK, NLM_F_REQUEST, 1, sizeof request.head + 4);
  result("%s", answer(fd));
  close(fd);
}

CASE(route_list_by_one_flag_of_two) {
  int fd = route();
  send_request(fd, RTM_GETLINK, NLM_F_ROOT, 0);
  result("%s", answer(fd));
  close(fd);
}

CASE(route_second_name) {
  int fd = route();
  struct sockaddr_nl any = {.nl_family = AF_NETLINK}, other = {.nl_family = AF_NETLINK, .nl_pid = 4711};
  must(bind(fd, (struct sockaddr *)&any, sizeof any), "bind");
  const char *again = outcome(bind(fd, (struct sockaddr *)&any, sizeof any));
  result("%s, %s", again, outcome(bind(fd, (struct sockaddr *)&other, sizeof other)));
  close(fd);
}

// Who asks and does not read is told that answers are missing, and then has those that are not.
CASE(route_unread_answers_are_bounded) {
  int fd = route(), answers = 0;
  for (int i = 0; i < 20000; i++) send_request(fd, RTM_GETLINK, 0, 100000);
  const char *first = answer(fd);
  while (answers < 20000 && strncmp(answer(fd), "type", 4) == 0) answers++;
  result("%s, %s", first, answers == 0 ? "none" : answers < 20000 ? "some" : "all");
  close(fd);
}

CASE(route_list_comes_from_the_kernel) {
  int fd = route();
  send_request(fd, RTM_GETLINK, NLM_F_DUMP, 0);
  char buffer[16384];
  struct sockaddr_nl source = {.nl_pid = 1};
  socklen_t size = sizeof source;
  ssize_t length = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&source, &size);
  struct nlmsghdr *head = (struct nlmsghdr *)buffer;
  struct ifinfomsg *link = NLMSG_DATA(head);
  result("%s, source %u bytes, family %d, port %u; type %d, %s, interface %d", length > 0 ? "data" : "none", size,
         source.nl_family, source.nl_pid, head->nlmsg_type, head->nlmsg_flags & NLM_F_MULTI ? "of several" : "alone",
         link->ifi_index);
  close(fd);
}

CASE(route_poll) {
  int fd = route();
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  int before = poll(&entry, 1, 0);
  send_request(fd, RTM_GETLINK, NLM_F_DUMP, 0);
  int after = poll(&entry, 1, 1000);
  result("%d, %d %s", before, after, events(entry.revents));
  close(fd);
}

CASE(route_is_no_connection) {
  int fd = route();
  const char *listened = outcome(listen(fd, 1)), *ended = outcome(shutdown(fd, SHUT_RDWR));
  result("%s, %s", listened, ended);
  close(fd);
}

int main(void) {
  RUN(loopback_addresses);
  RUN(loopback_flags);
  RUN(every_address_is_the_machines);
  RUN(connected_socket_has_the_address_towards_its_peer);
  RUN(accepted_socket_has_the_address_that_was_connected_to);
  RUN(name_and_index);
  RUN(unknown_name);
  RUN(unknown_index);
  RUN(name_index);
  RUN(requests_about_loopback);
  RUN(requests_about_nothing);
  RUN(list_by_request);
  RUN(route_types);
  RUN(route_names);
  RUN(route_wrong_address);
  RUN(route_one_link);
  RUN(route_unknown_link);
  RUN(route_acknowledgement);
  RUN(route_what_is_no_request_is_passed_over);
  RUN(route_short_request);
  RUN(route_list_by_one_flag_of_two);
  RUN(route_second_name);
  RUN(route_unread_answers_are_bounded);
  RUN(route_list_comes_from_the_kernel);
  RUN(route_poll);
  RUN(route_is_no_connection);
  return 0;
}
