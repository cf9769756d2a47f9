// What components that record share: the microphone through worklet.js, and the way to the server.

const RECORDED_HZ = 16_000; // of worklet.js

// Opens the microphone, and calls a function with each piece of 16-bit samples.
export async function openMicrophone(worklet, onPiece, onEnd) {
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode)
    throw new Error(window.isSecureContext ? "unsupported" : "insecure");
  const context = new AudioContext({ latencyHint: "interactive" });
  context.resume();
  let stream;
  try {
    [stream] = await Promise.all([
      navigator.mediaDevices.getUserMedia({
        audio: {
          channelCount: 1,
          echoCancellation: false,
          noiseSuppression: false,
          autoGainControl: false,
        },
      }),
      context.audioWorklet.addModule(worklet),
    ]);
  } catch (error) {
    context.close();
    throw error;
  }
  stream.getAudioTracks()[0].onended = onEnd;
  const source = context.createMediaStreamSource(stream);
  const node = new AudioWorkletNode(context, "emo-live", {
    channelCount: 1,
    channelCountMode: "explicit",
  });
  node.port.onmessage = ({ data }) => onPiece(data);
  // Its output is silent; what is connected to no output may not be run.
  source.connect(node).connect(context.destination);
  return () => {
    node.port.postMessage("stop");
    source.disconnect();
    for (const track of stream.getTracks()) track.stop();
    context.close();
  };
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

// Uploads a file as the page's own uploader does; returns its id, or throws the server's sentence.
export async function uploadFile({ upload, session, cookie, file }, blob) {
  const id = crypto.randomUUID();
  const cookies = document.cookie.split("; ").map((pair) => pair.split("="));
  const form = new FormData();
  form.append("file", blob, file);
  const response = await fetch(`${upload}/${session}/${id}`, {
    method: "PUT",
    body: form,
    headers: {
      "X-Xsrftoken": decodeURIComponent(cookies.find(([name]) => name === cookie)?.[1] ?? ""),
    },
  });
  if (!response.ok) throw new Error(await response.text());
  return id;
}
