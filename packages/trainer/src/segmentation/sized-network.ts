import type { Graph, Session } from '@graftjs/core';
import type { PlaneSize } from './resize-channels.js';

/** What a network for images of any size is made of. */
export interface SizedNetworkParts {
  /** Its graph for images of a size. */
  build(size: PlaneSize): Graph;
  open(graph: Graph): Promise<Session>;
  /** Gives a new session its weights. */
  restore(session: Session): Promise<void>;
}

/** A session and the size of the images that it takes. */
export interface SizedSession extends PlaneSize {
  readonly session: Session;
}

/**
 * A network for segmentation that takes images of any size. A graph is for one size, so each size has a session of its own, of
 * which the last is kept: whoever has many images brings those of one size one after the other.
 */
export class SizedNetwork {
  readonly #parts: SizedNetworkParts;
  #last: SizedSession | undefined;

  /** @param first one that is open already, and is closed as the others are */
  constructor(parts: SizedNetworkParts, first?: SizedSession) {
    this.#parts = parts;
    this.#last = first;
  }

  /**
   * @param inputs NHWC bytes of an image, `height * width * 3`
   * @returns its logits, `[height, width, classes]`
   */
  async logits(inputs: Uint8Array, size: PlaneSize): Promise<Float32Array> {
    const session = await this.sessionFor(size);
    return (await session.predict(inputs, 1)).get(session.graph.output)!;
  }

  /** The session for images of a size, until the next size is asked for. */
  async sessionFor({ height, width }: PlaneSize): Promise<Session> {
    if (this.#last?.height === height && this.#last.width === width) return this.#last.session;
    await this.close();
    const session = await this.#parts.open(this.#parts.build({ height, width }));
    try {
      await this.#parts.restore(session);
    } catch (error) {
      await session.close();
      throw error;
    }
    this.#last = { height, width, session };
    return session;
  }

  /** Frees its memory; it may be used again. */
  async close(): Promise<void> {
    const last = this.#last;
    this.#last = undefined;
    await last?.session.close();
  }
}
