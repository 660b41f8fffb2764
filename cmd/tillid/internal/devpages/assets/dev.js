// Makes the simulated devices feel like devices. Nothing depends on it.
"use strict";
(() => {
  for (const box of document.querySelectorAll("pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = box.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(box.textContent.trim());
      button.textContent = box.dataset.copied;
      setTimeout(() => (button.textContent = box.dataset.copy), 2000);
    });
    const around = document.createElement("div");
    around.className = "copyable";
    around.setAttribute("aria-live", "polite");
    box.replaceWith(around);
    around.append(box, button);
  }

  for (const form of document.querySelectorAll("form.request")) {
    const pin = form.elements.pin;
    const press = (digit) => {
      pin.value = digit === "" ? pin.value.slice(0, -1) : (pin.value + digit).slice(0, pin.maxLength);
    };
    const pad = form.querySelector(".pad");
    pad.hidden = false;
    pad.addEventListener("click", (event) => {
      const digit = event.target.dataset.digit;
      if (digit !== undefined) press(digit);
    });
    pad.addEventListener("keydown", (event) => {
      if (/^[0-9]$/.test(event.key)) press(event.key);
      else if (event.key === "Backspace") press("");
    });

    const swipe = form.querySelector(".swipe");
    const slider = swipe.querySelector("input");
    const back = () => (slider.value = 0);
    swipe.hidden = false;
    back();
    slider.addEventListener("change", () => {
      if (Number(slider.value) < 90) return;
      form.requestSubmit(form.querySelector("button[value=approve]"));
      if (!form.checkValidity()) back();
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) {
      slider.addEventListener(end, () => {
        if (Number(slider.value) < 90) back();
      });
    }
  }

  // The phone rings: what begins or ends to wait shows by itself.
  const screen = document.getElementById("screen");
  if (!screen) return;
  const { user, lang, waiting } = screen.dataset;
  const busy = () => {
    const scan = document.getElementById("channel");
    return scan && scan.value !== "";
  };
  const ask = async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    try {
      const answer = await fetch("/dev/api/people/" + encodeURIComponent(user) + "/app", { cache: "no-store" });
      const now = answer.ok ? (await answer.json()).map((w) => w.channel + " ").join("") : waiting;
      if (now !== waiting && !busy()) {
        location.replace("/sim/phone?" + new URLSearchParams({ user, lang }));
        return;
      }
    } catch {
      // The server is away; it may come back.
    }
    setTimeout(ask, 2000);
  };
  setTimeout(ask, 2000);
})();
