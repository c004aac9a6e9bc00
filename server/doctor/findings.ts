import type { NetworkLink } from '../address/network-link';

/** One thing that was looked at. */
export interface Finding {
  readonly about: 'interfaces' | 'ports' | 'certificate' | 'clock' | 'firewall' | 'browser';
  /** `warning`: it may be in the way. */
  readonly state: 'good' | 'warning' | 'bad';
  readonly text: string;
  /** What to do. */
  readonly remedy?: string;
}

/** What is known of this computer. */
export interface Facts {
  readonly platform: NodeJS.Platform;
  readonly links: readonly NetworkLink[];
  /** The ports that a run uses; `another`: some program listens there, which may be Tandem. */
  readonly ports: readonly { readonly port: number; readonly use: 'free' | 'another' }[];
  readonly certificate: CertificateFacts;
  readonly now: Date;
  /** A browser for headless workers, or why there is none. */
  readonly browser: { readonly name: string } | { readonly missing: string };
}

/** `broken` says why the files can't be used. */
export type CertificateFacts =
  | { readonly state: 'none' }
  | { readonly state: 'broken'; readonly why: string }
  | {
      readonly state: 'there';
      readonly authorityFrom: Date;
      readonly authorityTo: Date;
      readonly serverTo: Date | undefined;
      /** Addresses that the server's certificate is not for; the next start makes one. */
      readonly missing: readonly string[];
    };

/** Why a phone may not get in, most likely first within each subject. */
export function findings(facts: Facts): readonly Finding[] {
  return [
    ...interfaces(facts),
    ...facts.ports.map(portFinding),
    certificate(facts),
    clock(facts),
    firewall(facts),
    browser(facts),
  ];
}

function interfaces({ links }: Facts): Finding[] {
  const about = 'interfaces';
  const usable = links.filter(({ kind }) => kind !== 'virtual' && kind !== 'vpn');
  const cable = usable.find(({ kind }) => kind === 'iphone-cable' || kind === 'shared-cable');
  const list = usable.map(({ address, words, isSelfAssigned }): Finding => {
    if (!isSelfAssigned) return { about, state: 'good', text: `${address}, ${words}` };
    return {
      about,
      state: 'warning',
      text: `${address}, ${words}: the other end has given no address`,
      remedy:
        'On the iPhone switch Personal Hotspot on, and off and on again if it was; unlock it.',
    };
  });
  if (usable.length === 0) {
    const remedy =
      'Plug the iPhone in, unlock it, tap Trust, and switch on Personal Hotspot; or join a Wi-Fi.';
    return [{ about, state: 'bad', text: 'No network that a phone could come over.', remedy }];
  }
  if (cable) return list;
  const remedy =
    'For the cable: plug the iPhone in, unlock it, tap Trust, and switch on Personal Hotspot.';
  return [...list, { about, state: 'warning', text: 'No cable to an iPhone.', remedy }];
}

function portFinding({ port, use }: Facts['ports'][number]): Finding {
  const about = 'ports';
  if (use === 'free') return { about, state: 'good', text: `${port} is free` };
  return {
    about,
    state: 'warning',
    text: `${port} is taken; a run then takes any free port`,
    remedy: 'Stop what listens there, or choose with --port and --https-port.',
  };
}

function certificate({ certificate: facts, now }: Facts): Finding {
  const about = 'certificate';
  const afresh = 'Run "tandem certificate remove"; the next run makes a fresh one.';
  switch (facts.state) {
    case 'none':
      return { about, state: 'good', text: 'None yet; the first run makes one.' };
    case 'broken':
      return { about, state: 'bad', text: facts.why, remedy: afresh };
    case 'there': {
      if (facts.authorityTo <= now) {
        const text = `The authority ended on ${day(facts.authorityTo)}.`;
        return { about, state: 'bad', text, remedy: afresh };
      }
      const { missing, serverTo } = facts;
      const text = `The authority is good until ${day(facts.authorityTo)}`;
      if (missing.length > 0 || serverTo === undefined || serverTo <= now) {
        const why = missing.length > 0 ? ` for ${missing.join(', ')} as well` : '';
        return { about, state: 'good', text: `${text}; the next run makes a server’s${why}.` };
      }
      return { about, state: 'good', text: `${text}, the server’s until ${day(serverTo)}.` };
    }
  }
}

function clock({ certificate: facts, now }: Facts): Finding {
  const about = 'clock';
  if (facts.state === 'there' && facts.authorityFrom > now) {
    return {
      about,
      state: 'bad',
      text: `The clock shows ${now.toISOString()}, before the certificate was made.`,
      remedy: 'Set the clock: browsers refuse certificates from the future.',
    };
  }
  return { about, state: 'good', text: `${now.toISOString()}; compare it with the phone’s.` };
}

const firewalls: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin:
    'System Settings › Network › Firewall: allow incoming connections for node, or tap Allow when macOS asks.',
  win32:
    'Allow Node.js on private networks when Windows asks; the hotspot’s network may count as public: set it to private.',
  linux: 'With ufw: sudo ufw allow 7070,7443/tcp; with firewalld: add both ports to the zone.',
};

/** No system tells a program without rights whether it lets connections in. */
function firewall({ platform }: Facts): Finding {
  return {
    about: 'firewall',
    state: 'good',
    text: 'Can’t be asked. Where a phone finds no page at all, this is the likeliest cause.',
    remedy: firewalls[platform] ?? 'Let incoming TCP connections to ports 7070 and 7443 through.',
  };
}

function browser({ browser: found }: Facts): Finding {
  const about = 'browser';
  if ('name' in found) {
    return { about, state: 'good', text: `${found.name}, for --headless-worker` };
  }
  return {
    about,
    state: 'warning',
    text: `None for --headless-worker: ${found.missing}`,
    remedy: 'A phone does without. Else install Chrome, or name a browser in TANDEM_BROWSER.',
  };
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
