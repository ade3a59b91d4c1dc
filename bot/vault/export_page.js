"use strict";
const sealed = document.getElementById("sealed").dataset;
const field = document.getElementById("code");
const said = document.getElementById("said");
const DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
}

function base58(content) {
  let number = content.reduce((sum, one) => sum * 256n + BigInt(one), 0n);
  let text = "";
  for (; number > 0n; number /= 58n) text = DIGITS[Number(number % 58n)] + text;
  for (let place = 0; content[place] === 0; place += 1) text = "1" + text;
  return text;
}

// As people type it: small letters, no hyphens, and letters that look like digits.
function typed(text) {
  return text.toUpperCase().replace(/[^0-9A-Z]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
}

async function opened(code) {
  const utf8 = new TextEncoder();
  const secret = await crypto.subtle.importKey("raw", utf8.encode(code), "PBKDF2", false, ["deriveKey"]);
  const way = { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(sealed.salt), iterations: Number(sealed.rounds) };
  const key = await crypto.subtle.deriveKey(way, secret, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
  const seal = { name: "AES-GCM", iv: bytesOf(sealed.nonce), additionalData: utf8.encode(sealed.address) };
  return new Uint8Array(await crypto.subtle.decrypt(seal, key, bytesOf(sealed.content)));
}

async function open() {
  document.getElementById("shown").hidden = true;
  if (!globalThis.crypto || !crypto.subtle) {
    said.textContent = "This browser lets a saved page decrypt nothing; open it in another one.";
    return;
  }
  said.textContent = "Opening";
  try {
    const keypair = await opened(typed(field.value));
    document.getElementById("base58").textContent = base58(keypair);
    document.getElementById("numbers").textContent = JSON.stringify(Array.from(keypair));
    document.getElementById("shown").hidden = false;
    said.textContent = "This is the key. Close this page when you have it in another wallet, and delete the file.";
  } catch {
    said.textContent = "That code does not open this file.";
  }
}

document.getElementById("open").addEventListener("click", open);
field.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
