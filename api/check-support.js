/**
 * What a context has of what sockets and programs need, and what to change: read from the context, with nothing opened and
 * nobody asked.
 */

/** @typedef {import('./socket-iwa.d.ts').Feature} Feature */

/** What an app needs in permissions_policy; without the last one it has everything but multicast and address sharing. */
const POLICIES = ['direct-sockets', 'local-network-access', 'local-network', 'loopback-network', 'direct-sockets-multicast'];
/** What the user is asked. Chromium 156 has the last two, older ones the first. */
const PERMISSIONS = ['local-network-access', 'local-network', 'loopback-network'];

const ELSEWHERE = 'Direct Sockets exist in Isolated Web Apps (isolated-app://) in Chrome, ChromeOS and Chromium, in their pages ' +
  'and dedicated workers; ordinary pages do not have them';

/** @returns {Promise<import('./socket-iwa.d.ts').Support>} */
export async function checkBrowserSupport() {
  const scope = /** @type {any} */ (globalThis);
  const context = contextOf(scope);
  /** @type {Feature[]} */
  const features = [];
  for (const name of /** @type {const} */ (['UDPSocket', 'TCPSocket', 'TCPServerSocket'])) {
    features.push(feature(name, name in scope, context.endsWith('page') || context.startsWith('dedicated')
      ? ELSEWHERE : `${ELSEWHERE}, not in a ${context}: open the socket in one of those`));
  }
  const { featurePolicy } = scope.document ?? {};
  const known = featurePolicy?.features?.() ?? [];
  for (const name of POLICIES) {
    if (!featurePolicy) {
      // A worker cannot ask.
      features.push({ name: `policy ${name}`, state: 'unknown' });
    } else if (known.includes(name)) {
      features.push(feature(`policy ${name}`, featurePolicy.allowsFeature(name),
        `add "${name}": ["self"] to permissions_policy in the app's manifest, and install the app anew`));
    }
  }
  for (const name of PERMISSIONS) features.push(...await permission(name, scope));
  features.push(feature('cross-origin-isolation', scope.crossOriginIsolated === true,
    'add "cross-origin-isolated": ["self"] to permissions_policy in the app\'s manifest: threads and exact timers need it'));
  features.push(jspi('take Chrome or Chromium 137 or newer, or link programs with -pthread -sPROXY_TO_PTHREAD'));
  return summary(context, features);
}

/** @returns {Promise<import('./socket-iwa.d.ts').Support>} */
export async function checkNodeSupport() {
  /** @type {Feature[]} */
  const features = [
    { name: 'UDPSocket', state: 'yes' }, { name: 'TCPSocket', state: 'yes' }, { name: 'TCPServerSocket', state: 'yes' },
    jspi('take Node 26, or Node 24, where runProgram switches it on by itself'),
  ];
  const { allowedNodeEnvironmentFlags } = process;
  const support = summary('node', features);
  return { ...support, programs: support.programs || allowedNodeEnvironmentFlags.has('--experimental-wasm-jspi') };
}

/** @param {any} scope @returns {import('./socket-iwa.d.ts').Support['context']} */
function contextOf(scope) {
  if (scope.document) return 'page';
  switch (scope.constructor?.name) {
    case 'SharedWorkerGlobalScope': return 'shared worker';
    case 'ServiceWorkerGlobalScope': return 'service worker';
    default: return 'dedicated worker';
  }
}

/** @param {Feature['name']} name @param {boolean} there @param {string} fix @returns {Feature} */
const feature = (name, there, fix) => (there ? { name, state: 'yes' } : { name, state: 'no', fix });

/** @param {string} fix */
const jspi = (fix) => feature('JSPI', 'Suspending' in WebAssembly, fix);

/** @param {string} name @param {any} scope @returns {Promise<Feature[]>} none where this version does not know it */
async function permission(name, scope) {
  try {
    const { state } = await scope.navigator.permissions.query({ name });
    /** @type {Record<string, Feature>} */
    const features = {
      granted: { name: `permission ${name}`, state: 'yes' },
      prompt: {
        name: `permission ${name}`, state: 'ask',
        fix: 'the user is asked at the first socket: explain it before, and open the socket when the user asks for it',
      },
      denied: {
        name: `permission ${name}`, state: 'no',
        fix: 'the user has refused it: it is allowed in the app\'s settings (the menu of its window, App info)',
      },
    };
    return [features[state]];
  } catch {
    return [];
  }
}

/**
 * @param {import('./socket-iwa.d.ts').Support['context']} context
 * @param {Feature[]} features
 * @returns {import('./socket-iwa.d.ts').Support}
 */
function summary(context, features) {
  const isThere = (/** @type {Feature} */ { state }) => state !== 'no';
  const of = (/** @type {RegExp} */ names) => features.filter(({ name }) => names.test(name));
  const sockets = of(/Socket$/).every(isThere) && of(/^(policy|permission) (?!.*multicast)/).every(isThere);
  const [multicast] = of(/multicast/);
  return {
    context,
    sockets,
    programs: of(/JSPI/).every(isThere),
    multicast: sockets && multicast?.state !== 'no' && (multicast?.state === 'unknown' ? 'unknown' : true),
    features,
  };
}
