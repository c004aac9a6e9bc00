/*
 * A device pairs with a host once, by a code that a person carried over, and comes back by its key.
 * Host and device share what is signed, and how.
 */

/** ECDSA over P-256 with SHA-256, as WebCrypto has it; a signature is r and s, 32 bytes each. */
export const proofAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** What a device answers to a challenge; bytes are base64url. */
export interface Proof {
  /** The device's public key, as SubjectPublicKeyInfo. */
  readonly key: string;
  readonly signature: string;
  /** Of the host's QR picture, where the device has one. */
  readonly code?: string;
}

/** Who a worker is towards its host. */
export interface DeviceIdentity {
  /** Signs the host's challenge. */
  prove(nonce: string): Promise<Proof>;
}

/** The bytes that the signature is over. */
export function statement(nonce: string, code: string | undefined): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`tandem pairing 1\n${nonce}\n${code ?? ''}`);
}

/** The code in what a person typed or pasted: the code alone, or the link that it stands in. */
export function codeIn(text: string): string | undefined {
  const [, fragment = text.trim()] = /#(\S*)/.exec(text) ?? [];
  return codeOf(`#${fragment}`);
}

/** The code in the fragment of a link that a host printed; undefined where there is none. */
export function codeOf(fragment: string): string | undefined {
  return /^#([\w-]{22})(\.|$)/.exec(fragment)?.[1];
}
