/** The SHA-256 of some bytes, or of several that are few, one after the other: 32 bytes. */
export async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const [only] = parts;
  const whole = parts.length === 1 ? only! : Uint8Array.from(parts.flatMap((part) => [...part]));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole as Uint8Array<ArrayBuffer>));
}

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
