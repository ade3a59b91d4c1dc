// Puts what the server has drawn into the page, panel by panel. It computes nothing and asks nobody else.
"use strict";

const panels = document.getElementById("panels");
const lost = document.getElementById("lost");

function follow() {
  const stream = new EventSource("/events");
  stream.addEventListener("open", () => { lost.hidden = true; });
  stream.addEventListener("page", (event) => { panels.innerHTML = JSON.parse(event.data).html; });
  stream.addEventListener("panel", (event) => {
    const told = JSON.parse(event.data);
    const old = document.getElementById(told.id);
    if (old) {
      // A table that somebody has moved sideways stays where he left it.
      const moved = [...old.querySelectorAll(".scrolls")].map((one) => one.scrollLeft);
      old.outerHTML = told.html;
      document.getElementById(told.id).querySelectorAll(".scrolls").forEach((one, at) => {
        one.scrollLeft = moved[at] || 0;
      });
    }
  });
  stream.addEventListener("over", () => { stream.close(); location.reload(); });
  stream.addEventListener("error", () => {
    lost.hidden = false;
    // A stream that was refused does not try again by itself: the session is over, and the page asks for the token.
    if (stream.readyState === EventSource.CLOSED) { setTimeout(() => location.reload(), 5000); }
  });
}

follow();
