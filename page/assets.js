// Where the page's files are: beside it, or packed inside it where it is one file.

/** The bytes of a file of the page. */
export async function assetBytes(name) {
  const packed = document.getElementById(`asset:${name}`);
  if (!packed) {
    const response = await fetch(name);
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    return response.arrayBuffer();
  }
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** The same as text. */
export async function assetText(name) {
  return new TextDecoder().decode(await assetBytes(name));
}
