// Makes waiting quieter and saves a click where a form only passes something on. Nothing depends on it.
"use strict";
(() => {
  const relay = document.querySelector("form[data-submit]");
  if (relay) {
    HTMLFormElement.prototype.submit.call(relay); // a field may be called submit
    return;
  }

  // A second click would send the same code again.
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 8000); // the first may have been stopped
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      for (const form of document.forms) delete form.dataset.sent;
    }
  });

  const waiting = document.getElementById("waiting");
  if (!waiting) return;
  const status = document.getElementById("status");
  const words = status.parentElement.dataset;
  const waitingWords = status.textContent;
  const say = (text) => {
    if (status.textContent !== text) status.textContent = text; // what does not change is not read aloud again
  };
  const page = waiting.dataset.page;
  const again = () => setTimeout(ask, Number(waiting.dataset.poll));
  const ask = async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    let answer;
    try {
      answer = await fetch(page + "/state", { cache: "no-store", redirect: "error" });
    } catch {
      say(words.trouble);
      again();
      return;
    }
    if (answer.status >= 500) {
      say(words.trouble);
      again();
      return;
    }
    const state = answer.ok ? (await answer.json()).state : "";
    if (state === waiting.dataset.state) {
      say(waitingWords);
      again();
      return;
    }
    say(words.done);
    location.replace(page);
  };
  again();
})();
