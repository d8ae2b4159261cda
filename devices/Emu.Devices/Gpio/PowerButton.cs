// The machine's power button: a GPIO line that is high while the button is held.
using Emu.Core;

namespace Emu.Devices.Gpio;

/// <summary>
/// A push button on a line of a <see cref="Pl061"/>. A press drives the line high for <see cref="PressMilliseconds"/> of machine time,
/// long enough for a debouncing driver (Linux gpio-keys: 5 ms) that reads the level back after the edge.
/// </summary>
public sealed class PowerButton : ISnapshotable
{
    /// <summary>The GPIO line that the device tree names for KEY_POWER.</summary>
    public const int Line = 3;

    /// <summary>How long a press lasts, in milliseconds of machine time.</summary>
    public const int PressMilliseconds = 100;

    private const byte SnapshotVersion = 1;

    private readonly Lock sync = new();
    private readonly Clock clock;
    private readonly Pl061 gpio;
    private readonly ClockTimer timer;
    private ulong releaseTime = ulong.MaxValue;

    /// <summary>Creates the button, not pressed.</summary>
    /// <param name="clock">Machine time.</param>
    /// <param name="gpio">The block whose line <see cref="Line"/> it drives.</param>
    /// <param name="snapshotName">Name of the snapshot section.</param>
    public PowerButton(Clock clock, Pl061 gpio, string snapshotName = "power-button")
    {
        this.clock = clock;
        this.gpio = gpio;
        SnapshotName = snapshotName;
        timer = clock.CreateTimer(OnTimer);
    }

    /// <inheritdoc/>
    public string SnapshotName { get; }

    /// <summary>Whether the button is held at this moment.</summary>
    public bool IsPressed
    {
        get
        {
            lock (sync)
            {
                return releaseTime != ulong.MaxValue;
            }
        }
    }

    /// <summary>Presses the button, or holds it longer when it is pressed already. Any thread; in deterministic mode the machine's own.</summary>
    public void Press()
    {
        lock (sync)
        {
            releaseTime = clock.Now + (PressMilliseconds * 1_000_000UL);
            gpio.SetInput(Line, true);
            timer.Arm(releaseTime);
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (sync)
        {
            writer.U8(SnapshotVersion);
            writer.U64(releaseTime);
        }
    }

    /// <summary>Reads the state back; the clock has been restored before. The line's level is part of the GPIO's own state.</summary>
    public void Restore(SnapshotReader reader)
    {
        lock (sync)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            releaseTime = reader.U64();
            timer.Arm(releaseTime);
        }
    }

    private void OnTimer()
    {
        lock (sync)
        {
            // A press that came while this callback was on its way has moved the release.
            if (clock.Now >= releaseTime)
            {
                releaseTime = ulong.MaxValue;
                gpio.SetInput(Line, false);
            }
        }
    }
}
