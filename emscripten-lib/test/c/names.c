// Names and services: getaddrinfo, getnameinfo, gethostbyname, gethostbyaddr, getservbyname. Only what every machine
// answers alike: numeric addresses, and localhost in IPv4.
#include "conformance.h"
#include <netdb.h>

static const char *error(int code) {
  switch (code) {
    case 0: return "ok";
    case EAI_ADDRFAMILY: return "EAI_ADDRFAMILY";
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_BADFLAGS: return "EAI_BADFLAGS";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_FAMILY: return "EAI_FAMILY";
    case EAI_NODATA: return "EAI_NODATA";
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_OVERFLOW: return "EAI_OVERFLOW";
    case EAI_SERVICE: return "EAI_SERVICE";
    case EAI_SOCKTYPE: return "EAI_SOCKTYPE";
    default: return gai_strerror(code);
  }
}

// One result as "stream tcp 127.0.0.1 80".
static void describe(char *text, size_t room, const struct addrinfo *info) {
  static const char *types[] = {"any", "stream", "dgram", "raw"};
  Address address = {.length = info->ai_addrlen};
  memcpy(&address.any, info->ai_addr, info->ai_addrlen);
  snprintf(text, room, "%s %d %s %d", types[info->ai_socktype & 3], info->ai_protocol, host(&address), port(&address));
}

// All results, or the error.
static const char *found(const char *node, const char *service, const struct addrinfo *hints) {
  static char text[1024];
  struct addrinfo *list = NULL;
  int code = getaddrinfo(node, service, hints, &list);
  if (code != 0) return error(code);
  text[0] = 0;
  for (const struct addrinfo *info = list; info; info = info->ai_next) {
    char one[128];
    describe(one, sizeof one, info);
    if (text[0]) strcat(text, ", ");
    strcat(text, one);
  }
  freeaddrinfo(list);
  return text;
}

static const char *stream(const char *node, const char *service, int flags, int family) {
  struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = SOCK_STREAM};
  return found(node, service, &hints);
}

CASE(getaddrinfo_without_hints_lists_every_socket_type) { result("%s", found("127.0.0.1", "80", NULL)); }

CASE(getaddrinfo_of_ipv6_without_hints) { result("%s", found("2001:db8::1", "80", NULL)); }

CASE(getaddrinfo_without_a_service_has_port_0) { result("%s", found("127.0.0.1", NULL, NULL)); }

CASE(getaddrinfo_by_socket_type) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
  result("%s", found("127.0.0.1", "80", &hints));
}

CASE(getaddrinfo_by_protocol) {
  struct addrinfo hints = {.ai_protocol = IPPROTO_UDP};
  result("%s", found("127.0.0.1", "80", &hints));
}

CASE(getaddrinfo_of_an_unknown_socket_type) {
  struct addrinfo hints = {.ai_socktype = 99};
  result("%s", found("127.0.0.1", "80", &hints));
}

CASE(getaddrinfo_of_a_type_and_another_types_protocol) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_UDP};
  result("%s", found("127.0.0.1", "80", &hints));
}

CASE(getaddrinfo_of_a_raw_socket_has_no_service) {
  struct addrinfo hints = {.ai_socktype = SOCK_RAW, .ai_protocol = 1};
  struct addrinfo with_service = hints;
  const char *code = found("127.0.0.1", "80", &with_service);
  result("%s, %s", code, found("127.0.0.1", NULL, &hints));
}

CASE(getaddrinfo_of_an_unknown_family) { result("%s", stream("127.0.0.1", "80", 0, 99)); }

CASE(getaddrinfo_with_an_unknown_flag) { result("%s", stream("127.0.0.1", "80", 0x8000, AF_UNSPEC)); }

CASE(getaddrinfo_of_nothing) { result("%s", stream(NULL, NULL, 0, AF_UNSPEC)); }

CASE(getaddrinfo_of_an_empty_name) { result("%s", stream("", "80", AI_NUMERICHOST, AF_UNSPEC)); }

CASE(getaddrinfo_without_a_name_is_loopback) { result("%s", stream(NULL, "80", 0, AF_UNSPEC)); }

CASE(getaddrinfo_passive_is_the_wildcard) { result("%s", stream(NULL, "80", AI_PASSIVE, AF_UNSPEC)); }

CASE(getaddrinfo_passive_with_a_name_is_the_name) { result("%s", stream("127.0.0.1", "80", AI_PASSIVE, AF_UNSPEC)); }

CASE(getaddrinfo_of_stars) {
  char first[128];
  snprintf(first, sizeof first, "%s", stream("*", "80", 0, AF_INET));
  result("%s; %s", first, stream("127.0.0.1", "*", 0, AF_INET));
}

CASE(numeric_host_is_no_name) { result("%s", stream("localhost", "80", AI_NUMERICHOST, AF_UNSPEC)); }

CASE(numeric_host_in_brackets_is_no_address) { result("%s", stream("[::1]", "80", AI_NUMERICHOST, AF_UNSPEC)); }

CASE(numeric_host_in_the_forms_of_inet_aton) {
  static const char *texts[] = {"127.1", "0x7f000001", "0177.1", "2130706433", "1.2.3", "010.0.0.1"};
  char all[512] = "";
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    strcat(all, stream(texts[i], "80", AI_NUMERICHOST, AF_UNSPEC));
    strcat(all, ";");
  }
  result("%s", all);
}

CASE(numeric_host_that_is_wrong) {
  static const char *texts[] = {"256.1.1.1", "1.2.3.4.5", "1.2.65536", "4294967296", "08.1.1.1", "0x", "1..2", "1.2.3.4 ",
                                ":::", "1:2:3:4:5:6:7:8:9", "::1::", "12345::"};
  char all[512] = "";
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    strcat(all, stream(texts[i], "80", AI_NUMERICHOST, AF_UNSPEC));
    strcat(all, ";");
  }
  result("%s", all);
}

CASE(ipv4_for_ipv6_only) { result("%s", stream("127.0.0.1", "80", 0, AF_INET6)); }

CASE(ipv4_for_ipv6_mapped) { result("%s", stream("127.0.0.1", "80", AI_V4MAPPED, AF_INET6)); }

CASE(ipv6_for_ipv4) { result("%s", stream("::1", "80", 0, AF_INET)); }

CASE(mapped_ipv6_for_ipv4) { result("%s", stream("::ffff:192.0.2.1", "80", 0, AF_INET)); }

CASE(scope_by_number) {
  struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
  int code = getaddrinfo("fe80::1%7", "80", &hints, &list);
  if (code != 0) {
    result("%s", error(code));
    return;
  }
  result("scope %u", ((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id);
  freeaddrinfo(list);
}

CASE(scope_of_no_interface) { result("%s", stream("fe80::1%nosuchinterface", "80", 0, AF_UNSPEC)); }

CASE(scope_that_is_wrong) {
  const char *empty = stream("fe80::1%", "80", AI_NUMERICHOST, AF_UNSPEC);
  const char *long_one = stream("fe80::1%4294967296", "80", AI_NUMERICHOST, AF_UNSPEC);
  result("%s, %s, %s", empty, long_one, stream("fe80::1%1x", "80", AI_NUMERICHOST, AF_UNSPEC));
}

CASE(localhost_is_loopback) { result("%s", stream("localhost", "80", 0, AF_INET)); }

CASE(localhost_in_capitals) { result("%s", stream("LOCALHOST", "80", 0, AF_INET)); }

static void canonname(const char *node, int family) {
  struct addrinfo *list = NULL, hints = {.ai_flags = AI_CANONNAME, .ai_family = family};
  int code = getaddrinfo(node, "80", &hints, &list);
  if (code != 0) {
    result("%s", error(code));
    return;
  }
  const char *first = list->ai_canonname ? list->ai_canonname : "none";
  result("%s, then %s", first, list->ai_next && list->ai_next->ai_canonname ? list->ai_next->ai_canonname : "none");
  freeaddrinfo(list);
}

CASE(canonical_name_of_localhost) { canonname("localhost", AF_INET); }

CASE(canonical_name_of_a_number_is_the_number) { canonname("127.1", AF_UNSPEC); }

CASE(canonical_name_of_nothing) { result("%s", stream(NULL, "80", AI_CANONNAME, AF_UNSPEC)); }

CASE(results_carry_the_flags_and_lengths) {
  struct addrinfo *list = NULL, hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  must(-(getaddrinfo("::1", "80", &hints, &list) != 0), "getaddrinfo");
  result("%#x, %d, %d", list->ai_flags, list->ai_addrlen == sizeof(struct sockaddr_in6),
         list->ai_family == list->ai_addr->sa_family);
  freeaddrinfo(list);
}

CASE(service_by_name) {
  char http[128];
  snprintf(http, sizeof http, "%s", stream("127.0.0.1", "http", 0, AF_INET));
  result("%s; %s", http, stream("127.0.0.1", "redis", 0, AF_INET));
}

CASE(service_by_alias) { result("%s", stream("127.0.0.1", "www", 0, AF_INET)); }

CASE(service_with_two_protocols) {
  struct addrinfo hints = {.ai_family = AF_INET};
  result("%s", found("127.0.0.1", "domain", &hints));
}

CASE(service_of_another_protocol) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
  result("%s", found("127.0.0.1", "ssh", &hints));
}

CASE(service_that_is_unknown) { result("%s", stream("127.0.0.1", "no-such-service", 0, AF_INET)); }

CASE(service_that_must_be_a_number) { result("%s", stream("127.0.0.1", "http", AI_NUMERICSERV, AF_INET)); }

CASE(service_numbers) {
  static const char *texts[] = {"0", "65535", "080", " 80", "+80", "80 ", "-1", "0x50", "65536", ""};
  char all[512] = "";
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    strcat(all, stream("127.0.0.1", texts[i], 0, AF_INET));
    strcat(all, ";");
  }
  result("%s", all);
}

CASE(errors_in_their_order) {
  const char *flags = stream("bad", "http", 0x8000, 99);
  const char *family = stream("bad", "http", AI_NUMERICSERV, 99);
  struct addrinfo type = {.ai_flags = AI_NUMERICHOST, .ai_socktype = 99};
  const char *socktype = found("bad", "no-such-service", &type);
  result("%s, %s, %s, %s", flags, family, socktype, stream("bad", "no-such-service", AI_NUMERICHOST, AF_UNSPEC));
}

CASE(getservbyname_knows_the_common_ones) {
  struct servent *http = getservbyname("http", "tcp");
  int first = http ? ntohs(http->s_port) : -1;
  struct servent *ntp = getservbyname("ntp", "udp");
  int second = ntp ? ntohs(ntp->s_port) : -1;
  result("%d, %d, %s", first, second, getservbyname("no-such-service", "tcp") ? "found" : "none");
}

CASE(getservbyport_knows_the_common_ones) {
  struct servent *https = getservbyport(htons(443), "tcp");
  result("%s", https ? https->s_name : "none");
}

static void nameinfo(Address address, socklen_t host_room, socklen_t service_room, int flags) {
  char node[256] = "", service[64] = "";
  int code = getnameinfo(&address.any, address.length, node, host_room, service, service_room, flags);
  if (code != 0) result("%s", error(code));
  else result("%s %s", node, service);
}

CASE(getnameinfo_numeric) { nameinfo(v4("192.0.2.1", 80), 256, 64, NI_NUMERICHOST | NI_NUMERICSERV); }

CASE(getnameinfo_numeric_ipv6) { nameinfo(v6("2001:db8::1", 65535), 256, 64, NI_NUMERICHOST | NI_NUMERICSERV); }

CASE(getnameinfo_with_a_scope) {
  Address address = v6("fe80::1", 80);
  address.v6.sin6_scope_id = 4711;
  nameinfo(address, 256, 64, NI_NUMERICHOST | NI_NUMERICSERV);
}

CASE(getnameinfo_of_loopback_is_localhost) { nameinfo(v4("127.0.0.1", 0), 256, 64, NI_NUMERICSERV); }

CASE(getnameinfo_of_services) { nameinfo(v4("192.0.2.1", 443), 256, 64, NI_NUMERICHOST); }

CASE(getnameinfo_of_datagram_services) { nameinfo(v4("192.0.2.1", 514), 256, 64, NI_NUMERICHOST | NI_DGRAM); }

CASE(getnameinfo_of_an_unknown_service) { nameinfo(v4("192.0.2.1", 54321), 256, 64, NI_NUMERICHOST); }

CASE(getnameinfo_with_exactly_enough_room) { nameinfo(v4("192.0.2.1", 80), 10, 3, NI_NUMERICHOST | NI_NUMERICSERV); }

CASE(getnameinfo_without_room_for_the_host) { nameinfo(v4("192.0.2.1", 80), 9, 3, NI_NUMERICHOST | NI_NUMERICSERV); }

CASE(getnameinfo_without_room_for_the_service) { nameinfo(v4("192.0.2.1", 80), 10, 2, NI_NUMERICHOST | NI_NUMERICSERV); }

CASE(getnameinfo_that_wants_a_name) {
  nameinfo(v4("192.0.2.1", 80), 256, 64, NI_NUMERICHOST | NI_NAMEREQD | NI_NUMERICSERV);
}

CASE(getnameinfo_of_nothing_that_wants_a_name) {
  Address address = v4("192.0.2.1", 80);
  result("%s", error(getnameinfo(&address.any, address.length, NULL, 0, NULL, 0, NI_NAMEREQD)));
}

CASE(getnameinfo_of_an_address_cut_short) {
  Address address = v4("192.0.2.1", 80);
  address.length--;
  nameinfo(address, 256, 64, NI_NUMERICHOST | NI_NUMERICSERV);
}

CASE(getnameinfo_of_an_unknown_family) {
  Address address = v4("192.0.2.1", 80);
  address.any.sa_family = 99;
  nameinfo(address, 256, 64, NI_NUMERICHOST | NI_NUMERICSERV);
}

CASE(getnameinfo_with_an_unknown_flag) { nameinfo(v4("192.0.2.1", 80), 256, 64, 0x8000); }

CASE(gethostbyname_of_a_number) {
  struct hostent *entry = gethostbyname("192.0.2.7");
  char text[INET_ADDRSTRLEN];
  result("%s %s %d", entry->h_name, inet_ntop(AF_INET, entry->h_addr_list[0], text, sizeof text), entry->h_length);
}

CASE(gethostbyname_of_localhost) {
  struct hostent *entry = gethostbyname("localhost");
  char text[INET_ADDRSTRLEN];
  result("%s %s", entry->h_name, inet_ntop(AF_INET, entry->h_addr_list[0], text, sizeof text));
}

// A label of 64 bytes, one too many for DNS: nobody has to be asked.
static const char impossible[] = "0123456789012345678901234567890123456789012345678901234567890123.test";

CASE(getaddrinfo_of_an_impossible_name) { result("%s", stream(impossible, "80", 0, AF_INET)); }

CASE(gethostbyname_of_an_impossible_name) {
  struct hostent *entry = gethostbyname(impossible);
  char text[INET_ADDRSTRLEN];
  result("%s", entry ? inet_ntop(AF_INET, entry->h_addr_list[0], text, sizeof text) : "none");
}

CASE(gethostbyname_r_without_room) {
  struct hostent entry, *found_entry;
  char small[8], text[INET_ADDRSTRLEN], buffer[1024];
  int code;
  int first = gethostbyname_r("localhost", &entry, small, sizeof small, &found_entry, &code);
  int second = gethostbyname_r("localhost", &entry, buffer, sizeof buffer, &found_entry, &code);
  result("%d, %d %s", first == ERANGE, second, inet_ntop(AF_INET, entry.h_addr_list[0], text, sizeof text));
}

CASE(gethostbyaddr_of_loopback) {
  struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
  struct hostent *entry = gethostbyaddr(&loopback, sizeof loopback, AF_INET);
  result("%s", entry ? entry->h_name : "none");
}

// A server on loopback, and a client that knows it as localhost.
CASE(connect_to_what_localhost_resolves_to) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  Address address = v4("127.0.0.1", 0);
  must(bind(listener, &address.any, address.length), "bind");
  must(listen(listener, 1), "listen");
  address = local(listener);
  char service[8];
  snprintf(service, sizeof service, "%d", port(&address));
  struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
  must(-(getaddrinfo("localhost", service, &hints, &list) != 0), "getaddrinfo");
  int connected = -1;
  for (struct addrinfo *info = list; info && connected < 0; info = info->ai_next) {
    int fd = socket(info->ai_family, info->ai_socktype, info->ai_protocol);
    must(fd, "socket");
    if (connect(fd, info->ai_addr, info->ai_addrlen) == 0) connected = fd;
    else close(fd);
  }
  freeaddrinfo(list);
  result("%s", connected >= 0 ? "connected" : outcome(-1));
  if (connected >= 0) close(connected);
  close(listener);
}

// An allocator that got everything back does not go further up.
CASE(a_thousand_lookups_leave_nothing_behind) {
  uintptr_t highest = 0;
  int grown = 0;
  for (int i = 0; i < 1000; i++) {
    struct addrinfo *list = NULL;
    must(-(getaddrinfo("127.0.0.1", "80", NULL, &list) != 0), "getaddrinfo");
    if ((uintptr_t)list > highest) {
      highest = (uintptr_t)list;
      if (i >= 10) grown++;
    }
    freeaddrinfo(list);
  }
  result("%d", grown);
}

int main(void) {
  RUN(getaddrinfo_without_hints_lists_every_socket_type);
  RUN(getaddrinfo_of_ipv6_without_hints);
  RUN(getaddrinfo_without_a_service_has_port_0);
  RUN(getaddrinfo_by_socket_type);
  RUN(getaddrinfo_by_protocol);
  RUN(getaddrinfo_of_an_unknown_socket_type);
  RUN(getaddrinfo_of_a_type_and_another_types_protocol);
  RUN(getaddrinfo_of_a_raw_socket_has_no_service);
  RUN(getaddrinfo_of_an_unknown_family);
  RUN(getaddrinfo_with_an_unknown_flag);
  RUN(getaddrinfo_of_nothing);
  RUN(getaddrinfo_of_an_empty_name);
  RUN(getaddrinfo_without_a_name_is_loopback);
  RUN(getaddrinfo_passive_is_the_wildcard);
  RUN(getaddrinfo_passive_with_a_name_is_the_name);
  RUN(getaddrinfo_of_stars);
  RUN(numeric_host_is_no_name);
  RUN(numeric_host_in_brackets_is_no_address);
  RUN(numeric_host_in_the_forms_of_inet_aton);
  RUN(numeric_host_that_is_wrong);
  RUN(ipv4_for_ipv6_only);
  RUN(ipv4_for_ipv6_mapped);
  RUN(ipv6_for_ipv4);
  RUN(mapped_ipv6_for_ipv4);
  RUN(scope_by_number);
  RUN(scope_of_no_interface);
  RUN(scope_that_is_wrong);
  RUN(localhost_is_loopback);
  RUN(localhost_in_capitals);
  RUN(canonical_name_of_localhost);
  RUN(canonical_name_of_a_number_is_the_number);
  RUN(canonical_name_of_nothing);
  RUN(results_carry_the_flags_and_lengths);
  RUN(service_by_name);
  RUN(service_by_alias);
  RUN(service_with_two_protocols);
  RUN(service_of_another_protocol);
  RUN(service_that_is_unknown);
  RUN(service_that_must_be_a_number);
  RUN(service_numbers);
  RUN(errors_in_their_order);
  RUN(getservbyname_knows_the_common_ones);
  RUN(getservbyport_knows_the_common_ones);
  RUN(getnameinfo_numeric);
  RUN(getnameinfo_numeric_ipv6);
  RUN(getnameinfo_with_a_scope);
  RUN(getnameinfo_of_loopback_is_localhost);
  RUN(getnameinfo_of_services);
  RUN(getnameinfo_of_datagram_services);
  RUN(getnameinfo_of_an_unknown_service);
  RUN(getnameinfo_with_exactly_enough_room);
  RUN(getnameinfo_without_room_for_the_host);
  RUN(getnameinfo_without_room_for_the_service);
  RUN(getnameinfo_that_wants_a_name);
  RUN(getnameinfo_of_nothing_that_wants_a_name);
  RUN(getnameinfo_of_an_address_cut_short);
  RUN(getnameinfo_of_an_unknown_family);
  RUN(getnameinfo_with_an_unknown_flag);
  RUN(gethostbyname_of_a_number);
  RUN(gethostbyname_of_localhost);
  RUN(getaddrinfo_of_an_impossible_name);
  RUN(gethostbyname_of_an_impossible_name);
  RUN(gethostbyname_r_without_room);
  RUN(gethostbyaddr_of_loopback);
  RUN(connect_to_what_localhost_resolves_to);
  RUN(a_thousand_lookups_leave_nothing_behind);
  return 0;
}
