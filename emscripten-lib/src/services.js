// Service names, as getaddrinfo() and getnameinfo() know them. They come from the program's /etc/services, as on Linux;
// a program without that file gets this one, so that libc's getservbyname() and getservbyport() read it too.

/** @typedef {{ name: string, port: number, protocol: string, aliases: string[] }} Service */

/** Of the IANA registry, under the names that Debian gives them: what network programs ask for. */
const COMMON = `
echo 7/tcp
echo 7/udp
discard 9/tcp sink null
discard 9/udp sink null
daytime 13/tcp
daytime 13/udp
chargen 19/tcp ttytst source
chargen 19/udp ttytst source
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
time 37/tcp timserver
time 37/udp timserver
whois 43/tcp nicname
domain 53/tcp
domain 53/udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
gopher 70/tcp
finger 79/tcp
http 80/tcp www
kerberos 88/tcp kerberos5 krb5 kerberos-sec
kerberos 88/udp kerberos5 krb5 kerberos-sec
acr-nema 104/tcp dicom
pop3 110/tcp pop-3
sunrpc 111/tcp portmapper
sunrpc 111/udp portmapper
auth 113/tcp authentication tap ident
nntp 119/tcp readnews untp
ntp 123/udp
netbios-ns 137/udp
netbios-dgm 138/udp
netbios-ssn 139/tcp
imap2 143/tcp imap
snmp 161/tcp
snmp 161/udp
snmp-trap 162/tcp snmptrap
snmp-trap 162/udp snmptrap
bgp 179/tcp
ldap 389/tcp
ldap 389/udp
https 443/tcp
https 443/udp
microsoft-ds 445/tcp
submissions 465/tcp ssmtp smtps urd
isakmp 500/udp
exec 512/tcp
login 513/tcp
shell 514/tcp cmd syslog
syslog 514/udp
printer 515/tcp spooler
rtsp 554/tcp
rtsp 554/udp
submission 587/tcp
ipp 631/tcp
ldaps 636/tcp
ldaps 636/udp
domain-s 853/tcp
domain-s 853/udp
rsync 873/tcp
telnets 992/tcp
imaps 993/tcp
pop3s 995/tcp
socks 1080/tcp
openvpn 1194/tcp
openvpn 1194/udp
ms-sql-s 1433/tcp
radius 1812/tcp
radius 1812/udp
radius-acct 1813/tcp radacct
radius-acct 1813/udp radacct
nfs 2049/tcp
nfs 2049/udp
iscsi-target 3260/tcp
mysql 3306/tcp
ms-wbt-server 3389/tcp
svn 3690/tcp subversion
ipsec-nat-t 4500/udp
sip 5060/tcp
sip 5060/udp
sip-tls 5061/tcp
sip-tls 5061/udp
xmpp-client 5222/tcp jabber-client
xmpp-server 5269/tcp jabber-server
mdns 5353/udp
postgresql 5432/tcp postgres
amqps 5671/tcp
amqp 5672/tcp
x11 6000/tcp x11-0
redis 6379/tcp
syslog-tls 6514/tcp
ircd 6667/tcp
ircs-u 6697/tcp
http-alt 8080/tcp webcache
http-alt 8080/udp
git 9418/tcp
dicom 11112/tcp
`;

const PATH = '/etc/services';

/** @param {string} text of services(5) @returns {Service[]} */
function parseServices(text) {
  const services = [];
  for (const line of text.split('\n')) {
    const [name, number, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const match = /^(\d+)\/(\w+)$/.exec(number ?? '');
    if (match) services.push({ name, port: Number(match[1]), protocol: match[2], aliases });
  }
  return services;
}

/**
 * @param {any} FS Emscripten's
 * @param {boolean} ownFiles false where FS is the machine's own file system
 */
export function makeServices(FS, ownFiles) {
  const read = () => {
    try {
      return parseServices(FS.readFile(PATH, { encoding: 'utf8' }));
    } catch {
      return parseServices(COMMON);
    }
  };

  return {
    /** Once, when FS has the program's own files. */
    install() {
      if (!ownFiles || FS.analyzePath(PATH).exists) return;
      FS.mkdirTree('/etc');
      FS.writeFile(PATH, COMMON.slice(1));
    },

    /**
     * @param {string} name
     * @param {string} protocol tcp or udp
     * @returns {number | undefined} the port
     */
    portOf: (name, protocol) => read().find((service) => service.protocol === protocol &&
      (service.name === name || service.aliases.includes(name)))?.port,

    /**
     * @param {number} port
     * @param {string} protocol tcp or udp
     * @returns {string | undefined}
     */
    nameOf: (port, protocol) => read().find((service) => service.protocol === protocol && service.port === port)?.name,
  };
}
