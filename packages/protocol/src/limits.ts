/** Sizes that the protocol fixes. Bytes unless the name says otherwise. */
export const MAX_DATA_BYTES = 16 * 1024;
export const MAX_BODY_BYTES = 64 * 1024;
export const MAX_FRAME_BYTES = 256 * 1024;
/** Of a session description, as UTF-8. */
export const MAX_SDP_BYTES = 64 * 1024;
/** Of an ICE candidate, as JSON. */
export const MAX_CANDIDATE_BYTES = 2 * 1024;
export const MAX_NESTING = 32;
export const MAX_ERROR_CHARACTERS = 500;
export const FRESHNESS_MS = 5 * 60_000;
/** Twice the freshness window: a nonce must outlive every timestamp it may be replayed with. */
export const NONCE_TTL_MS = 10 * 60_000;
export const PROTOCOL_VERSION = 1;
