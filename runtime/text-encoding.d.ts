// Node and every browser have these; they belong to neither's types alone.
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label: 'utf-8', options: { readonly fatal: boolean });
  /** Throws TypeError for bytes that are no UTF-8 when `fatal`. */
  decode(bytes: Uint8Array): string;
}
