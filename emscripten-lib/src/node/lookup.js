// The system's resolver, as Node asks it: getaddrinfo(3) in a thread of its own.
import { EAI_AGAIN, EAI_FAIL, EAI_NONAME } from '../abi.js';
import { ipFromText } from '../address.js';

/** @type {import('../dns-resolver.js').Resolver} */
export async function lookUpInNode(name, family) {
  const { promises } = process.getBuiltinModule('node:dns');
  try {
    const found = await promises.lookup(name, { all: true, family, order: 'verbatim' });
    return { ips: found.flatMap(({ address }) => ipFromText(address) ?? []) };
  } catch (error) {
    switch (/** @type {any} */ (error)?.code) {
      case 'ENOTFOUND': throw EAI_NONAME;
      case 'EAI_AGAIN': throw EAI_AGAIN;
      default: throw EAI_FAIL;
    }
  }
}
