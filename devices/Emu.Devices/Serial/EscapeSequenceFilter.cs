// The Ctrl-A escape of an interactive console: which typed characters go to the guest and which are commands to the emulator.
namespace Emu.Devices.Serial;

/// <summary>What to do with a typed character.</summary>
public enum EscapeAction
{
    /// <summary>The character goes to the guest.</summary>
    Forward,

    /// <summary>The character opened an escape; nothing to do yet.</summary>
    Swallow,

    /// <summary>Ctrl-A X: end the emulator.</summary>
    Quit,

    /// <summary>Ctrl-A S: save a snapshot.</summary>
    Snapshot,

    /// <summary>Ctrl-A P: press the machine's power button.</summary>
    PowerButton,

    /// <summary>Ctrl-A H or Ctrl-A ?: print the help.</summary>
    Help,

    /// <summary>Ctrl-A and a key without a meaning: print the one-line hint.</summary>
    Unknown,
}

/// <summary>The state machine of the escape: one bit of state, one character at a time.</summary>
public sealed class EscapeSequenceFilter
{
    /// <summary>Ctrl-A, the escape character.</summary>
    public const byte Escape = 0x01;

    /// <summary>Text for <see cref="EscapeAction.Help"/>, for a raw terminal.</summary>
    public const string HelpText =
        "\r\nCtrl-A X       quit the emulator\r\nCtrl-A S       save a snapshot\r\nCtrl-A P       press the power button\r\nCtrl-A H       this help\r\nCtrl-A Ctrl-A  send Ctrl-A to the guest\r\n";

    /// <summary>Text for <see cref="EscapeAction.Unknown"/>, for a raw terminal.</summary>
    public const string UnknownText = "\r\nunknown command: Ctrl-A H lists the commands, Ctrl-A X quits\r\n";

    /// <summary>Whether the last character was an escape that waits for its command.</summary>
    public bool InEscape { get; private set; }

    /// <summary>Takes the next typed character.</summary>
    /// <returns>What to do with it; with <see cref="EscapeAction.Forward"/> the guest gets this very character.</returns>
    public EscapeAction Next(byte character)
    {
        if (!InEscape)
        {
            InEscape = character == Escape;
            return InEscape ? EscapeAction.Swallow : EscapeAction.Forward;
        }

        InEscape = false;
        return character switch
        {
            Escape => EscapeAction.Forward,
            (byte)'x' or (byte)'X' => EscapeAction.Quit,
            (byte)'s' or (byte)'S' => EscapeAction.Snapshot,
            (byte)'p' or (byte)'P' => EscapeAction.PowerButton,
            (byte)'h' or (byte)'H' or (byte)'?' => EscapeAction.Help,
            _ => EscapeAction.Unknown,
        };
    }
}
