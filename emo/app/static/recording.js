// What components that record share: the microphone through worklet.js, and the way to the server.

const RECORDED_HZ = 16_000; // of worklet.js

// Opens a microphone, an object that may be closed in the meantime; readMicrophone gets its sound.
export async function openMicrophone(microphone, worklet, onEnd) {
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode)
    throw new Error(window.isSecureContext ? "unsupported" : "insecure");
  microphone.context = new AudioContext({ latencyHint: "interactive" });
  microphone.context.resume();
  const loading = microphone.context.audioWorklet.addModule(worklet);
  loading.catch(() => {}); // it is awaited below
  microphone.stream = await navigator.mediaDevices.getUserMedia({
    audio: {
      channelCount: 1,
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
    },
  });
  microphone.stream.getAudioTracks()[0].onended = onEnd;
  await loading;
}

// Calls a function with each piece of 16-bit samples of an open microphone.
export function readMicrophone(microphone, onPiece) {
  microphone.source = microphone.context.createMediaStreamSource(microphone.stream);
  microphone.node = new AudioWorkletNode(microphone.context, "emo-live", {
    channelCount: 1,
    channelCountMode: "explicit",
  });
  microphone.node.port.onmessage = ({ data }) => onPiece(data);
  // Its output is silent; what is connected to no output may not be run.
  microphone.source.connect(microphone.node).connect(microphone.context.destination);
}

export function closeMicrophone({ node, source, stream, context }) {
  node?.port.postMessage("stop");
  source?.disconnect();
  for (const track of stream?.getTracks() ?? []) track.stop();
  context?.close().catch(() => {});
}

// Returns the word for why the microphone could not be opened.
export function microphoneFault(error, words) {
  const names = {
    NotAllowedError: "denied",
    NotFoundError: "missing",
    NotReadableError: "taken",
  };
  return names[error.name] ?? (words[error.message] ? error.message : "failed");
}

// Returns pieces of samples as a WAV file.
export function toWav(pieces) {
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => {
    for (const [i, letter] of [...letters].entries()) head.setUint8(at + i, letter.charCodeAt(0));
  };
  text(0, "RIFF");
  head.setUint32(4, 36 + size, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true); // PCM
  head.setUint16(22, 1, true); // one channel
  head.setUint32(24, RECORDED_HZ, true);
  head.setUint32(28, 2 * RECORDED_HZ, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, size, true);
  return new Blob([head, ...pieces], { type: "audio/wav" });
}

// Returns the token of the page, which the server wants to see with what is sent.
export function pageToken(cookie) {
  const cookies = document.cookie.split("; ").map((pair) => pair.split("="));
  return decodeURIComponent(cookies.find(([name]) => name === cookie)?.[1] ?? "");
}

// Uploads a file as the page's own uploader does; returns its id, or throws the server's sentence.
export async function uploadFile({ upload, session, cookie, file }, blob) {
  const id = crypto.randomUUID();
  const form = new FormData();
  form.append("file", blob, file);
  const response = await fetch(`${upload}/${session}/${id}`, {
    method: "PUT",
    body: form,
    headers: { "X-Xsrftoken": pageToken(cookie) },
  });
  if (!response.ok) throw new UploadError(await response.text());
  return id;
}

export class UploadError extends Error {}
